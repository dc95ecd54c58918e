"""What `bench.chaos` does to a sweep, and how it judges what is left of it."""
