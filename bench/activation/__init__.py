"""How soon somebody hears of a change: exits by time, entries by events, and a back-fill, each beside live events."""
