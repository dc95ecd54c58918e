"""Names that people chose, as parts of metric names."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import count

MAX_LABEL_LENGTH = 80
# MLflow 3.17 allows letters, digits, "_", "-", ".", ":", spaces and "/", at which its UI groups.
_NOT_ALLOWED = re.compile(r"[^\w.\- :]+\s*")


def metric_labels(names: Iterable[str]) -> dict[str, str]:
    """Give each name a label that MLflow takes as a part of a metric's name.

    A name that is allowed is its own label; in another, what is not allowed becomes ``_``:
    ``a(b)`` is labelled ``a_b``, ``50%`` is ``50``, ``cat, dog`` is ``cat_dog``.

    Args:
        names: All classes of a data set, in its order, or all metrics of an objective.

    Returns:
        By name; no two are alike, whatever the case of their letters, which some databases ignore.
    """
    own_first = sorted(dict.fromkeys(names), key=lambda name: _readable(name) != name)
    taken: set[str] = set()
    labels: dict[str, str] = {}
    for name in own_first:
        labels[name] = next(label for label in _candidates(name) if label.casefold() not in taken)
        taken.add(labels[name].casefold())
    return {name: labels[name] for name in names}


def _readable(name: str) -> str:
    text = _NOT_ALLOWED.sub("_", unicodedata.normalize("NFKC", name))
    if text != name:
        text = text.strip(" _")
    # Dots alone would be a folder's name, which MLflow refuses.
    return text[:MAX_LABEL_LENGTH] if text.strip(".") else "unnamed"


def _candidates(name: str) -> Iterator[str]:
    label = _readable(name)
    yield label
    for number in count(2):
        suffix = f"-{number}"
        yield label[: MAX_LABEL_LENGTH - len(suffix)] + suffix
