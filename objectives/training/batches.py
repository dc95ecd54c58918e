"""Which rows meet in which training step: one order for all folds, stratified by fold."""

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def shared_batches(fold_of: IntArray, *, batch_size: int, n_folds: int, seed: int) -> IntArray:
    """Order the rows of an epoch so that every batch holds the same share of each fold.

    A batch has at most ``batch_size * k / (k - 1)`` rows, so that a head that leaves out its own
    fold sees ``batch_size``. There are as few steps as that allows, and no two differ by more than
    a row: a last batch of what is left over would count as much as the others and be noise. The
    order depends on folds and seed alone, never on images or labels: nothing of a validation image
    reaches its model by way of the order.

    Args:
        fold_of: The fold of each row, shape ``(rows,)``; -1 is a row of no fold.
        batch_size: Rows that each head sees in a step, at most.
        n_folds: Number of folds, k; 1 leaves nothing out.
        seed: Of this epoch.

    Returns:
        Positions in ``fold_of``, shape ``(steps, batch)``; -1 fills up batches that have a row
        less.
    """
    order = _spread(fold_of, np.random.default_rng(seed))
    size = batch_size if n_folds == 1 else round(batch_size * n_folds / (n_folds - 1))
    steps = -(-len(order) // size)
    batches = np.array_split(order, steps)
    filled = np.full((steps, len(batches[0])), -1, dtype=np.int64)
    for step, rows in enumerate(batches):
        filled[step, : len(rows)] = rows
    return filled


def trained_by_fold(
    batches: IntArray, fold_of: IntArray, *, n_folds: int
) -> tuple[IntArray, BoolArray]:
    """Find the rows of each batch that each fold trains on: all but its own.

    Args:
        batches: From :func:`shared_batches`, shape ``(steps, batch)``.
        fold_of: The fold of each row; -1 trains with every fold.
        n_folds: Number of folds, k.

    Returns:
        Places in the batch, in its order, shape ``(steps, k, most)``; and which of them count: what
        a fold has less than others in a step is filled up.
    """
    its_fold = fold_of[np.maximum(batches, 0)][:, None, :]
    mine = (its_fold != np.arange(n_folds)[:, None]) & (batches >= 0)[:, None, :]
    most = max(1, int(mine.sum(axis=2).max()))
    places = np.argsort(~mine, axis=2, kind="stable")[:, :, :most]
    return places, np.take_along_axis(mine, places, axis=2)


def _spread(fold_of: IntArray, generator: np.random.Generator) -> IntArray:
    """Order the rows so that any stretch of them holds each fold in its share."""
    place = np.empty(len(fold_of))
    for fold in np.unique(fold_of):
        members = np.flatnonzero(fold_of == fold)
        # Evenly spread places with a random start: no batch gets two shares of one fold.
        spread = (np.arange(len(members)) + generator.random()) / len(members)
        place[generator.permutation(members)] = spread
    return np.argsort(place, kind="stable")
