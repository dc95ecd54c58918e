"""Views: passes of a policy over the rows of a sweep, by key, made once."""
