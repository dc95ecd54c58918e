"""From a registered version to a file of another runtime, checked."""
