"""A sweep that exists, and all that its workers and its promotion need."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from objectives.records import Reporter, TrialContext, TrialHead
from objectives.stopping.pruning import percentile_rule
from search.preparation import Prepared
from search.storage.records import Slot
from search.stored_sweep import StoredSweep
from search.trial_detail import TrialDetail
from search.trial_phases import best_finetuning
from spaces.space import Space, Value

if TYPE_CHECKING:
    from search.study.reporter import RaceRules


@dataclass(frozen=True)
class OpenSweep(StoredSweep):
    """Made by :func:`search.creation.create_or_resume` or :func:`search.joining.join`."""

    space: Space
    prepared: Prepared

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, as the data name them."""
        return self.prepared.data.class_names

    @property
    def n_rows(self) -> int:
        """How many images train and validate."""
        return len(self.prepared.splits.rows)

    def race_rules(self) -> "RaceRules":
        """Say how trials are compared epoch by epoch."""
        from search.study.reporter import RaceRules
        from search.study.samplers import first_scratch_look

        return RaceRules(
            self.file.validation.folds,
            self.file.train.head_epochs,
            self.file.train.finetune_epochs,
            first_scratch_look(self.file.search, epochs=self._first_stage_epochs),
            percentile_rule(self.file.search.pruner, epochs=self._first_stage_epochs),
        )

    def enqueue(self, points: list[dict[str, Value]]) -> None:
        """Put points before what the sampler draws; one that was tried is not tried again."""
        if points:
            study = self.study()
            for point in points:
                study.enqueue(point)

    def context(self, folder: Path, reporter: Reporter) -> TrialContext:
        """Give a refit what it may use.

        Args:
            folder: Where its files go.
            reporter: Hears how it goes.
        """
        return TrialContext(
            data=self.prepared.data,
            splits=self.prepared.splits,
            validation=self.file.validation,
            train=self.file.train,
            seed=self.file.search.seed,
            home=self.settings.home,
            checkpoint_folder=folder,
            reporter=reporter,
            max_store_bytes=self.settings.store_bytes,
            keep_views=self._views_are_reread(),
        )

    def trial_context(self, slot: Slot, reporter: Reporter) -> TrialContext:
        """Give an objective what it may use in one phase of a trial.

        Args:
            slot: The phase's.
            reporter: Hears how it goes.
        """
        from search.checkpoints.keeper import TrialCheckpoints

        settings = self.settings
        context = replace(
            self.context(self.trial_folder(slot), reporter),
            checkpoints=TrialCheckpoints(
                self.checkpoints, slot, self.blobs, every_s=settings.checkpoint_s
            ),
        )
        if slot.phase == "head":
            return context
        found = self.slots.one(slot.number)
        scores = TrialDetail.of(found).fold_scores
        head = TrialHead(found.score or 0.0, scores, self.trial_folder(found))
        return replace(context, phase=slot.phase, head=head, incumbent=self._incumbent())

    def _incumbent(self) -> Path | None:
        """Give the files of the best fine-tuned trial so far, whom a trial races against."""
        if self.file.search.pruner == "none":
            return None
        best = best_finetuning(self.slots.all())
        folder = None if best is None else self.trial_folder(best)
        return folder if folder is not None and folder.is_dir() else None

    def _views_are_reread(self) -> bool:
        backbones = (d.choices for d in self.space.dimensions if d.name == "backbone")
        return sum(map(len, backbones)) > 1 or self.file.train.finetune_epochs > 0
