"""The state of a partition: its store, its changelog and the view of a batch. Leaves commits to `streams.tasks`."""
