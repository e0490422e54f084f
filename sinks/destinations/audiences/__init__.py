"""What receivers of audiences and contacts share: waves, halves, access tokens, calls. A kind is a module elsewhere."""
