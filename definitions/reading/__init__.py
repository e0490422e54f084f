"""YAML files to the checked model, every mistake with its line and column. What definitions compute is `streaming`."""
