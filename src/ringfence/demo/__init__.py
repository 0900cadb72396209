"""The demonstration: a real market, lived through in the closed circle by people made of numbers."""
