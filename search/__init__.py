"""How trials are run: sweep file, storage, study, workers, promotion, command line."""

import sys

tensorflow_was_first = "tensorflow" in sys.modules and "psycopg" not in sys.modules
"""Whether PostgreSQL can be reached without encryption alone in this process."""

# Before anything here imports TensorFlow, which brings the functions of another library for TLS:
# with those, the PostgreSQL driver crashes the process when it opens an encrypted connection.
import psycopg  # noqa: E402, F401
