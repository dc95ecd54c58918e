"""How trials are run: sweep file, storage, study, workers, promotion, command line."""
