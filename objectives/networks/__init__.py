"""Networks: backbones, their weights, their features, and the model that is served."""
