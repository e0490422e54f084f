"""The evidence of who is who, read from the warehouse: what the command line and the API show of it."""
