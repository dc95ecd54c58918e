"""Run a finished trial again, and compare what it comes to with what is stored."""
