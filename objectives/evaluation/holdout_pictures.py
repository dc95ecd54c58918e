"""A picture of how challenger and champion did on the holdout."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from objectives.evaluation.bootstrap import Estimate
from objectives.evaluation.holdout import HoldoutScores

COLOURS = ("#1f6feb", "#8c959f", "#d1551b")


def draw_holdout_scores(scores: Mapping[str, HoldoutScores], metric: str, path: Path) -> Path:
    """Draw clean, shifted and corrupted scores with their 95 % intervals, a colour a model.

    Args:
        scores: By what the model is called, such as ``trial 7`` and ``champion (version 2)``.
        metric: What is scored; named on the axis.
        path: Where the PNG goes.
    """
    figure = Figure(figsize=(7, 3.8), dpi=110, layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(scores)
    for place, (name, scored) in enumerate(scores.items()):
        views = {view: found for view, found in scored.by_view().items() if found is not None}
        at = np.arange(len(views)) + (place - (len(scores) - 1) / 2) * width
        _draw_bars(axes, at, list(views.values()), name, COLOURS[place], width)
        axes.set_xticks(np.arange(len(views)), list(views))
    axes.set_ylabel("negated log loss" if metric == "log_loss" else metric.replace("_", " "))
    axes.set_title("holdout, 95 % intervals", loc="left", fontsize=10)
    axes.grid(axis="y", alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if metric != "log_loss":
        axes.set_ylim(0, 1.08)
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(path)
    return path


def _draw_bars(
    axes: Axes, at: np.ndarray, found: list[Estimate], name: str, colour: str, width: float
) -> None:
    values = np.array([entry.score for entry in found])
    low = np.array([entry.low for entry in found])
    high = np.array([entry.high for entry in found])
    # A skewed interval may leave the score itself out; a bar's arm cannot point backwards.
    arms = np.maximum([values - low, high - values], 0)
    axes.bar(at, values, width * 0.92, yerr=arms, label=name, color=colour, capsize=4)
    for x, value, top in zip(at, values, np.maximum(high, 0), strict=True):
        axes.annotate(
            f"{value:.3f}",
            (x, top),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
