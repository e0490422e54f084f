"""The worker: a Faust app whose three agents resolve, decide and fold events in batches. Start at `processing`.

Leaves who is who to `identity`, the language of segments to `definitions`, and all that reads its topics to others.
"""
