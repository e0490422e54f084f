"""Imports files by a mapping of their columns, checked and sorted before any is sent. `onefold` shows how far it is."""
