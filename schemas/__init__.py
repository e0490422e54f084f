"""The contract: schemas, records and their codec, topics, consumer groups, keys; their meaning is left to the rooms."""
