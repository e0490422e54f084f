"""How a process tells about itself, and how it waits for others. Below every other room; what is counted is told where
it is counted.
"""
