"""How one name is described, and all names of one kind of run."""

from dataclasses import dataclass
from pathlib import PurePosixPath

ALWAYS = "always"
FINETUNED = "fine-tuned"
FINETUNE_ENDED = "fine-tuned, and it has ended"


@dataclass(frozen=True)
class Spec:
    """One name; ``{stage}`` and the like in it stand for what differs."""

    name: str
    meaning: str
    when: str = ALWAYS

    def named(self, **parts: object) -> str:
        """Fill the name in."""
        return self.name.format(**parts)


@dataclass(frozen=True)
class ParamSpec(Spec):
    """A parameter: set once, before training."""


@dataclass(frozen=True)
class TagSpec(Spec):
    """A tag: text about the run, which may change."""


@dataclass(frozen=True, kw_only=True)
class MetricSpec(Spec):
    """A number, or a curve of numbers."""

    unit: str
    step: str = "one value"
    """What the curve runs over; metrics without a curve have one value."""


@dataclass(frozen=True)
class ArtifactSpec(Spec):
    """A file that is kept with the run; its name is its path there."""

    @property
    def file(self) -> str:
        """The name without the folder."""
        return PurePosixPath(self.name).name

    @property
    def folder(self) -> str:
        """The folder among the run's artifacts, empty for the uppermost."""
        folder = PurePosixPath(self.name).parent.as_posix()
        return "" if folder == "." else folder


@dataclass(frozen=True, kw_only=True)
class PictureSpec(ArtifactSpec):
    """A picture, which MLflow's UI shows among the charts of the run as well."""

    label: str
    """What it is called there."""


@dataclass(frozen=True)
class RunDescription:
    """All that runs of one kind may hold."""

    params: tuple[ParamSpec, ...]
    tags: tuple[TagSpec, ...]
    metrics: tuple[MetricSpec, ...]
    artifacts: tuple[ArtifactSpec, ...]
