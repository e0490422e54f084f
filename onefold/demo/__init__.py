"""What `onefold demo` shows: a real import, a simulated live shop, and what became of both."""
