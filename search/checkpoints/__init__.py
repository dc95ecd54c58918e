"""Where the state of a phase is kept, so that any worker can go on with it."""
