"""An export, as text for people."""

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from search.cli.leaderboard import new_table

MODELS = {"keras": "registered, Keras", "exported": "this export"}


def export_report(document: Mapping[str, Any]) -> RenderableType:
    """Say what was written, what it takes and gives, and how it compares with the registered."""
    edge = document["image_px"]
    size = "of any size" if edge is None else f"of {edge} x {edge} pixels, resized before"
    return Group(
        Text(f"Wrote {document['uri']} as {document['format']} to {document['path']}", "bold"),
        Text(f"{document['n_bytes']:,} bytes; takes 8-bit RGB images {size}"),
        Text(f"Gives probabilities of {', '.join(document['class_names'])}"),
        Text(
            f"On {document['images']} images ({document['checked_on']}) a probability differs by "
            f"at most {document['largest_difference']:.1e}, allowed is "
            f"{document['tolerance']:.0e}; the class is the same for {document['same_class']:.1%}"
        ),
        _latency_table(document["latency_ms"]),
    )


def _latency_table(latency_ms: Mapping[str, Mapping[str, float]]) -> Table:
    table = new_table("ms an image", *(f"batch of {size}" for size in latency_ms["keras"]))
    for model, by_size in latency_ms.items():
        table.add_row(MODELS[model], *(f"{ms:.1f}" for ms in by_size.values()))
    return table
