"""What deliveries cost."""
