"""Who is who, as pure functions: rules, spelling, resolving, deciding, limits, device ownership, unmerging."""
