"""The durable state of a partition: store, changelog, view, commit. Leaves what is kept, and when, to its users."""
