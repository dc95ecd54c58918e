"""Registered models: plain Keras, named classes, verified before the alias moves."""
