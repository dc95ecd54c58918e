"""How a policy's operations are done to pictures: one contract, two libraries behind it."""

from objectives.augmentation.augmenter import Augmenter, augmenter

__all__ = ["Augmenter", "augmenter"]
