"""A space of one backbone whose heads learn next to nothing, so that fine-tuning helps."""

from spaces.space import Dimension, Space

SPACE = Space(
    (
        Dimension("backbone", "choice", choices=("tests.objectives.tiny_backbone:tiny_backbone",)),
        Dimension("weights", "choice", choices=("imagenet",)),
        Dimension("policy", "choice", choices=("flip",)),
        Dimension("learning_rate", "choice", choices=(1e-7,)),
        Dimension("finetune_fraction", "choice", choices=(1.0,), stage="finetune"),
        Dimension(
            "finetune_learning_rate", "float", low=1e-2, high=2e-2, log=True, stage="finetune"
        ),
    )
)
