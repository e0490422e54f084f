"""Does work over the past that ends. Work over the present is left to `streams`."""
