"""The oracle of design section 10: a single-threaded reference model, a stream made to hurt, and their comparison."""
