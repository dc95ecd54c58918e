"""Which rules a score was found by: scores of two versions cannot be compared.

1. Each fold stops by its own patience; an epoch's last batch is what is left over.
2. All folds of the head stage stop together on their mean, and only epochs at which all folds ran
   are scored; all batches are of one size.
3. Standardised features are cut off.

The rules are :mod:`objectives.stopping.early_stopping`, :mod:`objectives.evaluation.history`,
:mod:`objectives.training.batches` and :mod:`objectives.training.standardising`: whoever changes
what they do to a score counts the version up. A sweep keeps the one that it began with
(`search/joining.py`).
"""

SCORING_VERSION = 3
