"""Files to events: a mapping says what the columns mean; all is checked and sorted by time before anything is sent."""
