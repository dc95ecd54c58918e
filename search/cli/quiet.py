"""Load TensorFlow without the lines that its C++ parts write before they can be told not to."""

import os
import tempfile


def load_tensorflow_quietly() -> None:
    """Import TensorFlow and find its devices, with standard error put aside meanwhile.

    Raises:
        ImportError: If TensorFlow cannot be imported; what was put aside is written then.
    """
    with tempfile.TemporaryFile() as aside:
        stderr = os.dup(2)
        os.dup2(aside.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
        except ImportError:
            aside.seek(0)
            os.write(stderr, aside.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
