"""A picture of wrong answers and of the places in the images that they came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from objectives.evaluation.pictures import (
    CAPTION_PX,
    JPEG_QUALITY,
    LETTERS,
    TILE_PX,
    tile,
    write_mistake,
)
from objectives.records import FloatArray, ImageArray

COLUMNS = 4
GAP_PX = 8
MOST_HEAT = 0.6


@dataclass(frozen=True)
class SeenImage:
    """A wrong answer, and where in the image it came from."""

    image: ImageArray
    heat: FloatArray
    """How much each place spoke for the guess: 0 to 1, shape ``(height, width)``, any size."""
    truth: str
    guess: str
    sure: float


def draw_seen(seen: Sequence[SeenImage], path: Path) -> Path:
    """Draw images and, beside each, the same with the places that spoke for the wrong answer."""
    n_rows = -(-len(seen) // COLUMNS)
    height, width = TILE_PX + CAPTION_PX, 2 * TILE_PX + GAP_PX
    sheet = Image.new("RGB", (COLUMNS * width, n_rows * height), "white")
    pen = ImageDraw.Draw(sheet)
    for place, found in enumerate(seen):
        x, y = (place % COLUMNS) * width, (place // COLUMNS) * height
        shown = tile(found.image)
        sheet.paste(Image.fromarray(shown), (x, y))
        sheet.paste(Image.fromarray(_heated(shown, found.heat)), (x + TILE_PX, y))
        names = found.truth, found.guess
        write_mistake(pen, (x + 2, y + TILE_PX), *names, found.sure, 2 * LETTERS)
    sheet.save(path, quality=JPEG_QUALITY)
    return path


def _heated(shown: ImageArray, heat: FloatArray) -> ImageArray:
    """Lay heat over an image: the hotter, the more of it is yellow and red."""
    small = Image.fromarray(np.round(255 * heat).astype(np.uint8))
    large = np.asarray(small.resize((TILE_PX, TILE_PX), Image.Resampling.BICUBIC)) / 255
    share = MOST_HEAT * large[..., None]
    colour = np.stack([np.full_like(large, 255.0), 220.0 * (1 - large), np.zeros_like(large)], -1)
    return np.round((1 - share) * shown + share * colour).astype(np.uint8)
