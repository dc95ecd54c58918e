"""Where workers are started and ended: on this machine, or on the nodes of a Ray cluster."""
