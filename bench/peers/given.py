"""What the harness tells a peer, by its environment."""

import os

KAFKA = os.environ["PEERS_KAFKA"]
INPUT = os.environ["PEERS_INPUT"]
OUTPUT = os.environ["PEERS_OUTPUT"]
RUN = os.environ["PEERS_RUN"]  # a name that no run had before: group, application id, table
FOLDER = os.environ["PEERS_FOLDER"]  # for its state; this process's own
RESULTS = os.environ["PEERS_RESULTS"]  # for what it has seen, one folder for the run
COMMIT_INTERVAL_S = 2.0
"""How often peers commit that do so by time."""
