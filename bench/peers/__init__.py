"""The same fold by other stream processors, each in a process of its own, beside Onefold."""
