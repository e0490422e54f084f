"""What every process needs: errors, retries, HTTP serving, metrics, logs, failpoints. It knows nothing of Onefold; what is logged or counted is decided where it happens."""
