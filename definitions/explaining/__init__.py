"""Explains an answer: a condition in words, what each part of it sees in a profile, and the events that made it so."""
