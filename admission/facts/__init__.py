"""What an event shows of the visit that it belongs to, parsed once where the event enters: its facts.

Every way in calls `events.FactReaders`; the modules beside it each know one kind of fact. All is pure and local:
nothing is fetched, and what cannot be read gives no fact. Leaves to the streams what becomes of facts in sessions.
"""
