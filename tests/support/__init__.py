"""What tests of several rooms need: one stack, one way to wait, one way to run a process of ours."""
