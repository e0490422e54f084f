"""What robots of chat groups share: an address that is a secret, one message a request, a code within the answer."""
