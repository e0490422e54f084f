"""ClickHouse's HTTP protocol on loopback, answered by the real engine in this process (chDB).

Made for one machine: no users but one password, no sessions, no cluster. Production uses a ClickHouse server at the
same kind of URL; nothing outside this package knows which of the two it talks to.
"""
