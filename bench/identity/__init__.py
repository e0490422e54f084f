"""How right and how fast identity is, on labelled data sets and generated ones."""
