"""One point of a space, flat, under the names that Optuna and MLflow show."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from spaces.backbones import default_weights
from spaces.errors import InputError
from spaces.policy_text import policy_text, takes_strength

OptimizerName = Literal["adamw", "sgd", "lion"]
LossName = Literal["cross_entropy", "focal"]
ScheduleName = Literal["constant", "cosine"]
FeaturesName = Literal["last", "deep"]
FINETUNE_NAMES = ("finetune_fraction", "finetune_learning_rate")
"""Parameters that no head depends on: what they are is decided when its fine-tuning begins."""
_HAS_RUN = {"has_run": True}


class TrialParams(BaseModel):
    """What a trial tries; a name that its optimizer, loss or schedule does not use is ignored.

    ``policy`` and ``strength`` name the augmentation, ``backbone``, ``weights`` and ``features``
    the network and what is read of it: together they are the *pair* that decides which work trials
    can share.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    backbone: str
    weights: str = ""
    """``imagenet``, ``none`` (random, trained from scratch), the path of a weights file, or
    ``own``: those that a backbone of the user's comes with. Left out, it is ``own`` for those,
    ``imagenet`` where Keras has such weights, and else ``none``."""
    features: FeaturesName = "deep"
    """What a head reads: the average of the last feature map, or those of inner layers as well."""
    policy: str = "none"
    """In the short form of :mod:`spaces.policy_text`, whatever form it was given in."""
    strength: Literal["low", "medium", "high"] = "medium"
    """Of the policy's operations that carry none of their own."""

    dense_units: int = Field(default=0, ge=0)
    """Width of the dense layer between pooling and classifier; 0 leaves it out."""
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)

    optimizer: OptimizerName = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0.0)
    weight_decay: float = Field(default=1e-4, ge=0.0)
    """Decoupled weight decay of AdamW and Lion."""
    momentum: float = Field(default=0.9, ge=0.0, lt=1.0)
    nesterov: bool = True
    clip_norm: float = Field(default=0.0, ge=0.0)
    """Largest global gradient norm of a fold's model; 0 does not clip."""

    loss: LossName = "cross_entropy"
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    focal_gamma: float = Field(default=2.0, ge=0.0)
    focal_alpha: Literal["none", "balanced"] = "none"
    """Weight per class in the focal loss: all one, or by inverse class frequency."""
    class_weights: Literal["none", "balanced"] = "none"
    """Weight per class of any loss; under the focal loss one of the two may be balanced."""

    schedule: ScheduleName = "constant"
    warmup_fraction: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Share of the cosine schedule's steps in which the rate rises linearly from zero."""

    batch_size: int = Field(default=64, ge=1)

    finetune_fraction: float = Field(default=0.3, ge=0.0, le=1.0)
    """Share of the backbone's layers, from the top, that fine-tuning unfreezes."""
    finetune_learning_rate: float = Field(default=1e-4, gt=0.0)

    @model_validator(mode="before")
    @classmethod
    def _choose_weights(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        weights = default_weights(str(values.get("backbone")))
        chosen = {**values, "weights": values.get("weights") or weights}
        # Nothing is frozen then: what inner layers have learnt on other images is nothing. Said in
        # any case, so that a trial without it is known to be of before there was a choice.
        features = "last" if chosen["weights"] == "none" else "deep"
        return {"features": features, **chosen}

    @field_validator("policy", mode="before")
    @classmethod
    def _write_short(cls, policy: Any) -> str:
        return policy_text(policy)

    @model_validator(mode="after")
    def _balances_classes_once(self, info: ValidationInfo) -> Self:
        both = self.focal_alpha == self.class_weights == "balanced"
        if both and self.loss == "focal" and info.context != _HAS_RUN:
            raise InputError(
                "class_weights and focal_alpha are both 'balanced': a rare class would count by "
                "the square of its inverse frequency. Set one of them to 'none'."
            )
        return self

    @classmethod
    def of_trial(cls, values: Mapping[str, Any]) -> Self:
        """Read the values that a trial ran with, perhaps under an older foldsweep.

        It may have balanced its classes twice, and where it names no features it had the last.
        """
        return cls.model_validate({"features": "last", **values}, context=_HAS_RUN)

    def decided_values(self) -> dict[str, Any]:
        """Give every value, those of fine-tuning only if it has begun."""
        return self.model_dump(exclude=set(FINETUNE_NAMES) - self.model_fields_set)

    @property
    def pair(self) -> tuple[str, ...]:
        """Backbone, weights, features, policy and its strength, if it takes one: what is shared."""
        strength = (self.strength,) if takes_strength(self.policy) else ()
        return (self.backbone, self.weights, self.features, self.policy, *strength)
