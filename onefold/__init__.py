"""The command line and the demo: reads arguments, calls a room, prints. It leaves every decision to the rooms."""
