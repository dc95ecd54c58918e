"""A candidate's scores on the images set aside, and how far they may be off."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bench.score.candidates import Candidate
from objectives.evaluation.bootstrap import Replicates, estimate


@dataclass(frozen=True)
class Measured:
    """A candidate's scores on the images set aside, each with its resamples."""

    candidate: Candidate
    replicates: Mapping[str, Replicates]
    """``clean``, ``shifted``, ``corrupted`` and ``robust``, the mean of the first two."""

    def as_dict(self) -> dict[str, Any]:
        """Give scores and intervals as plain data."""
        return {
            **asdict(self.candidate),
            "files": len(self.candidate.files),
            "scores": {view: interval(found) for view, found in self.replicates.items()},
            **self._covered(),
        }

    def _covered(self) -> dict[str, Any]:
        """Say whether the intervals of the sweep's own holdout hold the scores found here."""
        held_out = self.candidate.about.get("holdout")
        if held_out is None:
            return {}
        intervals = {view: held_out[view]["interval"] for view in ("clean", "shifted", "corrupted")}
        scores = {view: self.replicates[view].score for view in intervals}
        return {"covered": {v: low <= scores[v] <= high for v, (low, high) in intervals.items()}}


def mean_of(found: Sequence[Replicates]) -> Replicates:
    """Average scores of the same resamples, such as those of several seeds."""
    return Replicates(
        float(np.mean([one.score for one in found])),
        np.mean([one.resampled for one in found], axis=0),
        np.mean([one.left_out for one in found], axis=0),
    )


def interval(found: Replicates) -> dict[str, float]:
    """Give a score with its interval of 95 % over groups."""
    return asdict(estimate(found))
