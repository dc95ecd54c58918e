"""What is searched: parameters, policies, backbones as data, the conditional space, recipes."""
