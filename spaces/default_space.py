"""The two spaces that have a name: ``default`` for a GPU, ``small`` for what a CPU bears."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from spaces.backbones import BACKBONES
from spaces.policy_text import takes_strength
from spaces.space import Dimension, Space, Value

_POLICIES = (
    "none",
    "flip",
    "geometric",
    "randaugment",
    "augmix",
    "cutmix",
    "mixup",
    "augmix+randaugment",
    "none|augmix+randaugment",
    "none|augmix+randaugment|augmix+randaugment",
)
_WITH_STRENGTH = tuple(filter(takes_strength, _POLICIES))


Choices = tuple[Value, ...]


def _choice(name: str, *choices: Value, when: Mapping[str, Choices] | None = None) -> Dimension:
    return Dimension(name, "choice", choices=choices, when=when or {})


def _learning_rate(optimizer: str, low: float, high: float) -> Dimension:
    return Dimension(
        "learning_rate",
        "float",
        low=low,
        high=high,
        log=True,
        when={"optimizer": (optimizer,)},
        label=f"{optimizer}_learning_rate",
    )


def _finetune_learning_rate(optimizer: str, low: float, high: float) -> Dimension:
    rate = _learning_rate(optimizer, low, high)
    name = "finetune_learning_rate"
    return replace(rate, name=name, label=f"{optimizer}_{name}", stage="finetune")


def _finetuning() -> Sequence[Dimension]:
    # A tenth changed heads on deep features by -0.003 to +0.002, the whole by +0.013.
    fraction = _choice("finetune_fraction", 0.3, 0.6, 1.0)
    return (
        replace(fraction, stage="finetune"),
        # From bench/finetune_rates.py: SGD loses a quarter of the accuracy at 3e-3, AdamW at 5e-4 a
        # hundredth; below these ranges nothing changes.
        _finetune_learning_rate("adamw", 3e-5, 3e-4),
        _finetune_learning_rate("sgd", 1e-4, 1e-3),
        _finetune_learning_rate("lion", 1e-5, 1e-4),
    )


def _optimizer() -> Sequence[Dimension]:
    decayed: Mapping[str, Choices] = {"optimizer": ("adamw", "lion")}
    sgd: Mapping[str, Choices] = {"optimizer": ("sgd",)}
    return (
        _choice("optimizer", "adamw", "sgd", "lion"),
        _learning_rate("adamw", 1e-4, 1e-2),
        _learning_rate("sgd", 1e-3, 1e-1),
        # Lion's steps have the size of the rate itself: 3 to 10 times lower (arXiv:2302.06675).
        _learning_rate("lion", 1e-5, 3e-3),
        Dimension("weight_decay", "float", low=1e-6, high=1e-1, log=True, when=decayed),
        Dimension("momentum", "float", low=0.8, high=0.99, when=sgd),
        _choice("nesterov", True, False, when=sgd),
        _choice("clip_norm", 0.0, 1.0),
        _choice("schedule", "constant", "cosine"),
        Dimension("warmup_fraction", "float", low=0.0, high=0.3, when={"schedule": ("cosine",)}),
        _choice("batch_size", 32, 64, 128),
    )


def _loss() -> Sequence[Dimension]:
    focal: Mapping[str, Choices] = {"loss": ("focal",)}
    return (
        _choice("loss", "cross_entropy", "focal"),
        Dimension("label_smoothing", "float", low=0.0, high=0.2),
        Dimension("focal_gamma", "float", low=0.5, high=4.0, when=focal),
        _choice("class_weights", "none", "balanced"),
        _choice("focal_alpha", "none", "balanced", when={**focal, "class_weights": ("none",)}),
    )


def _space(*backbones: str) -> Space:
    pretrained = tuple(name for name in backbones if BACKBONES[name].weights_file)
    return Space(
        (
            _choice("backbone", *backbones),
            _choice("weights", "imagenet", when={"backbone": pretrained}),
            _choice("features", "deep", when={"backbone": pretrained}),
            _choice("policy", *_POLICIES),
            _choice("strength", "low", "medium", "high", when={"policy": _WITH_STRENGTH}),
            _choice("dense_units", 0, 128, 256),
            Dimension("dropout", "float", low=0.0, high=0.5),
            *_optimizer(),
            *_loss(),
            *_finetuning(),
        )
    )


DEFAULT = _space(
    "mobilenet_v2_1.0", "efficientnet_v2_s", "convnext_tiny", "resnet50", "densenet121"
)
"""One strong network of each of five families, every policy: for a GPU."""

SMALL = _space("small_cnn", "mobilenet_0.25", "mobilenet_0.5", "mobilenet_v2_0.35")
"""A small CNN and the MobileNets at low width: what a CPU bears."""

SPACES: Mapping[str, Space] = {"default": DEFAULT, "small": SMALL}
