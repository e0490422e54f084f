"""The queries that Onefold sends to the warehouse, one module per subject. Showing the answers is left to others."""
