"""A sweep of which a page can be made, in the storage and the study alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from search.storage.records import SlotState
from tests.search.known_sweep import KnownSweep

SCORES = ((0.5, 0.4), (0.7, 0.5), (0.6, 0.7), (0.55, 0.45), (0.8, 0.3))
"""Clean and shifted of the trials 0 to 4; the score is their mean."""
SHARING = {
    "views": {"made": 1, "reused": 0, "streamed": 0},
    "features": {"made": 2, "reused": 5, "streamed": 1},
}


@pytest.fixture
def searched(home: Path) -> KnownSweep:
    """The sweep ``tiny``: five trials done, one failed, one pruned, one to come."""
    return search_it()


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnownSweep]:
    """The same, for tests that only look at it."""
    folder = tmp_path_factory.mktemp("standing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOLDSWEEP_HOME", str(folder))
        patch.delenv("FOLDSWEEP_STORAGE_URL", raising=False)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield search_it()


def search_it() -> KnownSweep:
    """Make the sweep in the home of the environment."""
    known = KnownSweep(trials=8)
    for clean, shifted in SCORES:
        end(known, "done", clean=clean, shifted=shifted)
    end(known, "failed", reason="out of </script> memory")
    end(known, "pruned", clean=0.2, shifted=0.2, reason="worse than others")
    known.file("sweeps", "tiny", "audit", "counts.json").write_text('{"duplicate": 3, "tiny": 1}')
    return known


def end(
    known: KnownSweep,
    state: SlotState,
    *,
    clean: float | None = None,
    shifted: float | None = None,
    reason: str | None = None,
) -> None:
    """Bring a trial from its claim to an end of that kind."""
    slot = known.claim()
    known.record(slot)
    score = None if clean is None or shifted is None else (clean + shifted) / 2
    detail = {"epochs": {"head": 2}, "stage_s": {"head": 2.0}, "sharing": SHARING}
    ended = known.stored.slots.finish(
        slot, state, score=score, clean=clean, shifted=shifted, detail=detail, reason=reason
    )
    known.stored.study().tell(ended)
