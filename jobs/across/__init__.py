"""Evaluates triggers across persons every few seconds by the warehouse, publishing each firing once (decision 0041).

Runs in a thread of the rebuilder's process, for the workspaces whose changes that process reads. What fires when is
`definitions.across`', and the queries are `warehouse`'s.
"""
