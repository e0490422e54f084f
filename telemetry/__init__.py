"""How a process tells about itself. Below every other room; what is counted is told where it is counted."""
