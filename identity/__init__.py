"""Who is who, as pure functions: rules, spelling, resolving, deciding, limits, device ownership, unmerging. Storing and sending are left to `streams`."""
