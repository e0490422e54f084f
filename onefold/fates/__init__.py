"""Where everything ended: of each accepted event, and of each change that a destination is to hear (decision 0044)."""
