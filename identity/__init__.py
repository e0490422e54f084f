"""Who is who, as pure functions: rules, spelling, resolving, and decisions that are judged and then applied.

Storing durably, reading requests and publishing decisions are left to `streams`; carrying out its commands, to PROFILE.
"""
