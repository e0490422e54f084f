"""E-mail by SMTP: what a mail says, what a server's answers mean, and the connections that are used again."""
