"""How trials are run: sweep file, storage, ledger, study, workers, promotion, command line."""
