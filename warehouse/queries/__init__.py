"""The questions that Onefold asks the warehouse, one module per subject. How answers are shown is left to `api` and `onefold`."""
