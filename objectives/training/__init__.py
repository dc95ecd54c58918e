"""Training: all folds at once over features, or fold by fold over images."""
