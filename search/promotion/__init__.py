"""From the best trial to a registered model."""
