"""Pictures of a trial. Drawn on matplotlib's Figure itself: no window, no state, any thread."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw

from objectives.evaluation.mistakes import worst_mistakes
from objectives.records import FloatArray, ImageArray, LabelArray, RowArray

COLOURS = {"clean": "#1f6feb", "shifted": "#d1551b", "loss": "#57606a"}
TILE_PX = 112
CAPTION_PX = 26
N_MISTAKES = 24
N_COLUMNS = 8
LETTERS = 19
COMPRESSION = 1
JPEG_QUALITY = 92
N_TICKS = 5
CELL_PX = 36
MOST_READABLE_CLASSES = 40
LONGEST_NAME = 16
DARKEST = (9, 74, 178)


def draw_curves(curves: Mapping[str, Any], path: Path) -> Path:
    """Draw the training loss, and the metric clean and shifted: the mean, and each fold thin."""
    figure = Figure(figsize=(9, 3.6), dpi=90)
    steps = np.arange(1, len(curves["stage"]) + 1)
    stages = curves["stage"]
    begins = stages.index("finetune") + 0.5 if "finetune" in stages else None
    for left, title, names in (
        (0.06, "training loss", ("loss",)),
        (0.56, "validation", ("clean", "shifted")),
    ):
        # Fixed places, few ticks, plain texts: finding its own takes matplotlib most of its time.
        axes = figure.add_axes((left, 0.14, 0.43, 0.76))
        figure.text(left, 0.93, title, fontsize=10)
        for name in names:
            _plot_folds(axes, steps, curves[name], name)
        axes.xaxis.set_major_locator(MaxNLocator(N_TICKS, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(N_TICKS))
        axes.grid(alpha=0.25)
        if begins is not None:
            axes.axvline(begins, color="#8250df", linestyle=":", linewidth=1)
    figure.text(0.275, 0.02, "epoch", fontsize=9, ha="center")
    figure.text(0.775, 0.02, "epoch", fontsize=9, ha="center")
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    figure.savefig(path, pil_kwargs={"compress_level": COMPRESSION})
    return path


def _plot_folds(axes: Axes, steps: np.ndarray, table: list[list[float]], name: str) -> None:
    values = np.array(table, dtype=float)
    if values.size == 0 or np.all(np.isnan(values)):
        return
    axes.plot(steps, values, color=COLOURS[name], alpha=0.25, linewidth=0.8)
    counts = np.maximum((~np.isnan(values)).sum(axis=1), 1)
    mean = np.nansum(values, axis=1) / counts
    marker = "o" if len(steps) == 1 else None
    axes.plot(steps, mean, color=COLOURS[name], linewidth=2, label=name, marker=marker)


def draw_confusion(
    matrices: Mapping[str, npt.NDArray[np.int64]], class_names: Sequence[str], path: Path
) -> Path:
    """Draw out-of-fold confusion matrices side by side: rows are true, columns predicted."""
    # With Pillow: a hundred numbers cost matplotlib a third of a second, in every trial.
    sheets = [_confusion_sheet(name, m, class_names) for name, m in matrices.items()]
    picture = Image.new("RGB", (sum(sheet.width for sheet in sheets), sheets[0].height), "white")
    left = 0
    for sheet in sheets:
        picture.paste(sheet, (left, 0))
        left += sheet.width
    picture.save(path, compress_level=COMPRESSION)
    return path


def _confusion_sheet(
    name: str, matrix: npt.NDArray[np.int64], class_names: Sequence[str]
) -> Image.Image:
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    margin = 26 + 7 * min(LONGEST_NAME, max(map(len, class_names)))
    readable = len(class_names) <= MOST_READABLE_CLASSES
    cell_px = CELL_PX if readable else 8
    edge = cell_px * len(class_names)
    sheet = Image.new("RGB", (margin + edge + 16, 34 + edge + margin), "white")
    pen = ImageDraw.Draw(sheet)
    right = np.trace(matrix) / max(matrix.sum(), 1)
    pen.text((margin, 12), f"{name}: {right:.1%} right", fill="black")
    for (row, column), share in np.ndenumerate(shares):
        x, y = margin + column * cell_px, 34 + row * cell_px
        colour = tuple(round(255 + share * (dark - 255)) for dark in DARKEST)
        pen.rectangle((x, y, x + cell_px - 1, y + cell_px - 1), fill=colour, outline="#d0d7de")
        if readable and matrix[row, column]:
            ink = "white" if share > 0.55 else "#24292f"
            centre = (x + cell_px / 2, y + cell_px / 2)
            pen.text(centre, str(matrix[row, column]), fill=ink, anchor="mm")
    for place, class_name in enumerate(class_names if readable else ()):
        label = class_name[:LONGEST_NAME]
        middle = place * cell_px + cell_px / 2
        pen.text((margin - 6, 34 + middle), label, fill="black", anchor="rm")
        _write_upwards(sheet, label, round(margin + middle), 40 + edge)
    pen.text((4, 34), "true", fill="#57606a")
    pen.text((margin + edge - 4, sheet.height - 8), "predicted", fill="#57606a", anchor="rs")
    return sheet


def _write_upwards(sheet: Image.Image, text: str, middle_px: int, top_px: int) -> None:
    """Write a text that is read from below, its end at the top."""
    strip = Image.new("RGB", (7 * LONGEST_NAME + 8, 14), "white")
    ImageDraw.Draw(strip).text((strip.width - 1, 7), text, fill="black", anchor="rm")
    turned = strip.rotate(90, expand=True)
    sheet.paste(turned, (middle_px - 7, top_px))


def draw_policy_gallery(rows_of_images: Sequence[ImageArray], path: Path) -> Path:
    """Draw what the policy does to real images: the originals on top, one view a row below."""
    rows = [np.concatenate([tile(image) for image in row], axis=1) for row in rows_of_images]
    Image.fromarray(np.concatenate(rows, axis=0)).save(path, quality=JPEG_QUALITY)
    return path


def draw_worst_mistakes(
    images: ImageArray,
    rows: RowArray,
    labels: LabelArray,
    probabilities: FloatArray,
    class_names: Sequence[str],
    path: Path,
) -> Path:
    """Draw the images that the model is most surely wrong about, with row, truth and prediction."""
    predicted = probabilities.argmax(axis=1)
    worst = worst_mistakes(labels, probabilities)[:N_MISTAKES]
    n_rows = max(1, -(-len(worst) // N_COLUMNS))
    height = TILE_PX + CAPTION_PX
    sheet = Image.new("RGB", (N_COLUMNS * TILE_PX, n_rows * height), "white")
    pen = ImageDraw.Draw(sheet)
    for place, position in enumerate(worst):
        x, y = (place % N_COLUMNS) * TILE_PX, (place // N_COLUMNS) * height
        sheet.paste(Image.fromarray(tile(images[rows[position]])), (x, y))
        sure = float(probabilities[position, predicted[position]])
        names = class_names[labels[position]], class_names[predicted[position]]
        write_mistake(pen, (x + 2, y + TILE_PX), *names, sure, LETTERS)
    if not len(worst):
        pen.text((8, 8), "no mistakes", fill="black")
    sheet.save(path, quality=JPEG_QUALITY)
    return path


def write_mistake(
    pen: ImageDraw.ImageDraw, at: tuple[int, int], truth: str, guess: str, sure: float, letters: int
) -> None:
    """Write two lines: what an image is, and what it was taken for, how surely."""
    x, y = at
    pen.text((x, y), f"is {truth}"[:letters], fill="black")
    pen.text((x, y + 12), f"{sure:.0%} {guess}"[:letters], fill="#cf222e")


def tile(image: ImageArray) -> ImageArray:
    """Bring an image to the size in which it is shown."""
    size = (TILE_PX, TILE_PX)
    resized = Image.fromarray(np.asarray(image)).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(resized)
