"""What all receivers of HTTP share: a session that is careful where it leads, what answers mean, and what is kept."""
