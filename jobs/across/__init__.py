"""Asks the warehouse every few seconds which triggers across persons fire, and publishes it once (decision 0041).

Runs in a thread of the rebuilder's process, for the workspaces whose changes that process reads. What fires when is
`definitions.across`', and the questions are `warehouse`'s.
"""
