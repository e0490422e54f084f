"""Chapters of the guide that are run word by word on a stack of their own."""
