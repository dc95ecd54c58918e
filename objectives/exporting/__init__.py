"""Registered models in the formats of other runtimes: written, and asked again."""
