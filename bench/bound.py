"""The bound: every augmented image made once, and forwarded once for each backbone."""

from collections.abc import Mapping, Sequence

from bench.fixed_list import SHIFT
from bench.sizes import Size
from spaces.params import TrialParams


def bound_seconds(
    points: Sequence[TrialParams],
    size: Size,
    *,
    augmentation_rates: Mapping[str, float],
    forward_rates: Mapping[str, float],
) -> float:
    """Add up the work that no way of sharing can avoid.

    Args:
        points: The trials.
        size: Images and epochs.
        augmentation_rates: Images/s of each policy, the shift's too.
        forward_rates: Images/s of each backbone.

    Returns:
        Seconds: one view an epoch and policy, and the shifted validation view, are augmented; all
        of these and the clean images pass each backbone that trains on them.
    """
    policies = {point.policy for point in points}
    pairs = {(point.backbone, point.policy) for point in points}
    backbones = {backbone for backbone, _ in pairs}
    view = size.epochs * size.images
    augmenting_s = sum(view / augmentation_rates[policy] for policy in policies)
    augmenting_s += size.images / augmentation_rates[SHIFT]
    forwarding_s = sum(view / forward_rates[backbone] for backbone, _ in pairs)
    forwarding_s += sum(2 * size.images / forward_rates[backbone] for backbone in backbones)
    return augmenting_s + forwarding_s
