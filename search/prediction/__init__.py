"""A registered model's answer for pictures."""
