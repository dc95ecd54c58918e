"""Figures of what one trial predicted out of fold, from its table."""

import numpy as np
import pandas as pd
import plotly.express as px
import plotly.graph_objects as go

from objectives.evaluation.metrics import calibration_error
from spaces.errors import InputError, unknown_name

VIEWS = ("clean", "shifted")
MOST_NUMBERED = 30
"""Classes up to which each cell of a confusion matrix carries its number."""
BINS = 15


def confusion_matrix(predictions: pd.DataFrame, view: str = "clean") -> go.Figure:
    """Count the images by their class and by the class that was predicted.

    Args:
        predictions: Of one trial, as of :func:`search.prediction_table.predictions_of`.
        view: ``clean`` or ``shifted``.

    Raises:
        InputError: If the view is unknown, or there was no shift.
    """
    classes = _classes(predictions, view)
    predicted = predictions["predicted" if view == "clean" else "predicted_shifted"]
    counts = pd.crosstab(predictions["label"], predicted)
    counts = counts.reindex(index=classes, columns=classes, fill_value=0)
    return (
        px.imshow(
            counts.to_numpy(),
            x=classes,
            y=classes,
            labels={"x": "predicted", "y": "class", "color": "images"},
            text_auto=len(classes) <= MOST_NUMBERED,
            color_continuous_scale="Blues",
            title=f"{_name(predictions)}: predictions by class, {view}",
        )
        .update_xaxes(type="category")
        .update_yaxes(type="category")
    )


def reliability_diagram(predictions: pd.DataFrame) -> go.Figure:
    """Draw how often a confidence is right, in 15 bins of equal width; ideal is the diagonal.

    Args:
        predictions: Of one trial, as of :func:`search.prediction_table.predictions_of`.
    """
    views = [view for view in VIEWS if _columns(predictions, view)]
    bins = pd.concat([reliability(predictions, view) for view in views], ignore_index=True)
    errors = ", ".join(f"{view} {_calibration_error(predictions, view):.3f}" for view in views)
    figure = px.line(
        bins,
        x="confidence",
        y="accuracy",
        color="view",
        markers=True,
        hover_data=["images"],
        range_x=[0, 1],
        range_y=[0, 1],
        title=f"{_name(predictions)}: reliability (calibration error: {errors})",
    )
    return figure.add_shape(type="line", x0=0, y0=0, x1=1, y1=1, line={"dash": "dot"})


def reliability(predictions: pd.DataFrame, view: str) -> pd.DataFrame:
    """Give mean confidence and accuracy of each bin that holds images, by rising confidence.

    Args:
        predictions: Of one trial.
        view: ``clean`` or ``shifted``.

    Returns:
        The columns ``confidence``, ``accuracy``, ``images`` and ``view``.
    """
    labels, probabilities = _answers(predictions, view)
    confidence = probabilities.max(axis=1)
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    n_images = np.bincount(bins, minlength=BINS)
    is_filled = n_images > 0
    right = probabilities.argmax(axis=1) == labels
    n_filled = n_images[is_filled]
    return pd.DataFrame(
        {
            "confidence": np.bincount(bins, confidence, BINS)[is_filled] / n_filled,
            "accuracy": np.bincount(bins, right, BINS)[is_filled] / n_filled,
            "images": n_filled,
            "view": view,
        }
    )


def _calibration_error(predictions: pd.DataFrame, view: str) -> float:
    return calibration_error(*_answers(predictions, view), n_bins=BINS)


def _answers(predictions: pd.DataFrame, view: str) -> tuple[np.ndarray, np.ndarray]:
    """Give class numbers ``(rows,)`` and probabilities ``(rows, classes)``."""
    classes = _classes(predictions, view)
    labels = pd.Index(classes).get_indexer(pd.Index(predictions["label"]))
    columns = [f"{view}.{name}" for name in classes]
    return labels, predictions[columns].to_numpy(np.float64)


def _classes(predictions: pd.DataFrame, view: str) -> list[str]:
    """Name the classes in the order of the data.

    Raises:
        InputError: If the view is unknown or has no predictions.
    """
    if view not in VIEWS:
        raise unknown_name("view", view, VIEWS)
    columns = _columns(predictions, view)
    if not columns:
        raise InputError("there are no shifted predictions: the sweep has no validation.shift.")
    return [name.removeprefix(f"{view}.") for name in columns]


def _columns(predictions: pd.DataFrame, view: str) -> list[str]:
    return [name for name in map(str, predictions) if name.startswith(f"{view}.")]


def _name(predictions: pd.DataFrame) -> str:
    return ", ".join(f"trial {number}" for number in predictions["trial"].unique())
