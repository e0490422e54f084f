"""What every process needs: errors, retries, HTTP, Kafka clients, logs, failpoints. It knows nothing of Onefold."""
