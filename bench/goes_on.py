"""A reporter for training that nobody watches."""

from typing import Any


class GoesOn:
    """A reporter that lets every trial run to its end."""

    def report(self, *_: Any) -> bool:
        """Go on."""
        return True
