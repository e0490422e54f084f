"""The guide: what its chapters show is what happens; the code of each chapter has its own tests elsewhere."""
