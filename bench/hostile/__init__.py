"""What hostile traffic does to everybody else: latency and memory of a stack while it is attacked, in one run."""
