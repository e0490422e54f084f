"""Tables of PostgreSQL and SQLite as destinations: rows, the table they go into, and what errors mean."""
