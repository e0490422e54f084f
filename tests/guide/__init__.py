"""Chapters of the guide that are run word by word on one running stack."""
