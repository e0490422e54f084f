"""Answers read from the warehouse: the queries that the command line and the API share, and the API's routes."""
