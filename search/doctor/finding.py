"""One thing that disagrees."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """What was found, and what became of it."""

    kind: str
    """In a few words, the same for all of its kind."""
    what: str
    """A sentence about this one."""
    where: str
    """A sweep, a trial of it, or a path."""
    mended: bool
    remedy: str
    """How to mend it; empty if it was mended."""

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return asdict(self)


BY_FIX = "run foldsweep doctor --fix"


@dataclass(frozen=True)
class Mending:
    """Makes findings, and mends what can be mended if that is wanted.

    Args:
        is_wanted: Whether to mend.
    """

    is_wanted: bool

    def found(
        self,
        kind: str,
        what: str,
        where: object,
        *,
        mend: Callable[[], object] | None = None,
        remedy: str = BY_FIX,
    ) -> Finding:
        """Give a finding.

        Args:
            kind: See :class:`Finding`.
            what: The same.
            where: The same.
            mend: Mends it; False says that it did not. None if nothing of ours can.
            remedy: What a person can do, where it is not mended.
        """
        is_mended = self.is_wanted and mend is not None and mend() is not False
        return Finding(kind, what, str(where), is_mended, "" if is_mended else remedy)
