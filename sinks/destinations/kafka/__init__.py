"""Kafka topics as destinations: of this cluster or another one, and what its errors mean."""
