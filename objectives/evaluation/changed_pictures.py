"""A picture of the images that two models call differently."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

from objectives.records import ImageArray

TILE_PX = 112
GAP_PX = 8
LINE_PX = 13
LETTER_PX = 10
LETTERS = 19
"""Characters that stand below a tile in a line."""
N_COLUMNS = 8
COLOURS = ("black", "#57606a", "#1f6feb")


def draw_changed_images(
    images: Sequence[ImageArray], captions: Sequence[Sequence[str]], path: Path
) -> Path:
    """Draw images in rows, each with a few lines of text below it.

    Args:
        images: Of one size or of several, shape ``(height, width, 3)`` each.
        captions: The lines of each, at most three.
        path: Where the PNG goes.
    """
    # Pillow's own letters lack those of most languages; matplotlib brings these.
    font = ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", LETTER_PX)
    width, height = TILE_PX + GAP_PX, TILE_PX + LINE_PX * len(COLOURS) + GAP_PX
    n_rows = max(1, -(-len(images) // N_COLUMNS))
    sheet = Image.new("RGB", (N_COLUMNS * width, n_rows * height), "white")
    pen = ImageDraw.Draw(sheet)
    for place, (image, lines) in enumerate(zip(images, captions, strict=True)):
        x, y = (place % N_COLUMNS) * width, (place // N_COLUMNS) * height
        tile = Image.fromarray(np.asarray(image))
        sheet.paste(tile.resize((TILE_PX, TILE_PX), Image.Resampling.BICUBIC), (x, y))
        for number, (line, colour) in enumerate(zip(lines, COLOURS, strict=False)):
            top = y + TILE_PX + number * LINE_PX
            pen.text((x + 2, top), line[:LETTERS], fill=colour, font=font)
    if not len(images):
        pen.text((8, 8), "no image changed", fill="black", font=font)
    sheet.save(path)
    return path
