"""The commands of `onefold`, one module each; `onefold.cli` gathers them."""
