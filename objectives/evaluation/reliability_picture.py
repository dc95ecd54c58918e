"""A picture of how far a model's confidence is from how often it is right."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from objectives.evaluation.metrics import ConfidenceBins
from objectives.evaluation.pictures import COLOURS, COMPRESSION

EDGE_PX = 240
MARGIN_PX = 34


def draw_reliability(bins: Mapping[str, ConfidenceBins], path: Path) -> Path:
    """Draw how often answers of each confidence are right; on the diagonal they are calibrated.

    Args:
        bins: By view.
        path: Where the PNG goes.
    """
    # With Pillow, for the same reason as the confusion matrices.
    edge, margin = EDGE_PX, MARGIN_PX
    sheet_px = edge + 2 * margin
    picture = Image.new("RGB", (sheet_px * len(bins), sheet_px), "white")
    pen = ImageDraw.Draw(picture)
    for place, (name, found) in enumerate(bins.items()):
        left, bottom = place * sheet_px + margin, margin + edge
        _draw_bins(pen, found, left, bottom, edge)
        pen.rectangle((left, margin, left + edge, bottom), outline="#57606a")
        pen.line((left, bottom, left + edge, margin), fill="#57606a")
        gap = np.abs(found.right - found.confidence).sum() / max(found.counts.sum(), 1)
        pen.text((left, margin - 16), f"{name}: calibration error {gap:.3f}", fill="black")
        pen.text((left + edge, bottom + 8), "how sure", fill="#57606a", anchor="ra")
        pen.text((left, bottom + 8), "right: blue, images: grey", fill="#57606a")
    picture.save(path, compress_level=COMPRESSION)
    return path


def _draw_bins(
    pen: ImageDraw.ImageDraw, found: ConfidenceBins, left: int, bottom: int, edge: int
) -> None:
    width = edge / len(found.counts)
    most = max(found.counts.max(), 1)
    for place, count in enumerate(found.counts):
        if count:
            x = left + place * width
            right = bottom - edge * found.right[place] / count
            pen.rectangle((x + 1, right, x + width - 1, bottom), fill=COLOURS["clean"])
            share = bottom - edge * count / most / 4
            pen.rectangle((x + width / 3, share, x + 2 * width / 3, bottom), fill="#d0d7de")
