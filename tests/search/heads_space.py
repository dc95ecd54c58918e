"""A space of heads on the tests' own backbone, whose weights count as pretrained."""

from spaces.space import Dimension, Space

SPACE = Space(
    (
        Dimension("backbone", "choice", ("tests.objectives.tiny_backbone:tiny_backbone",)),
        Dimension("weights", "choice", ("imagenet",)),
        Dimension("features", "choice", ("deep",)),
        Dimension("policy", "choice", ("none",)),
        Dimension("dense_units", "choice", (0, 32)),
        Dimension("optimizer", "choice", ("adamw", "sgd")),
        Dimension("learning_rate", "float", low=0.001, high=0.05, log=True),
    )
)
