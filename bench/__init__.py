"""Benchmarks on real parts, one folder or module each; what they measured is in docs/performance.md."""
