"""What a slot tries: a head's point, or the same with the parameters of its fine-tuning."""

from collections.abc import Callable
from functools import cache

from optuna.trial import Trial

from objectives.records import Phase
from search.storage.records import Slot
from search.storage.slots import Slots
from search.study.burst import Burst
from search.study.samplers import fixed, make_sampler, shared_space
from search.study.study import SweepStudy, suggest
from search.sweep_file.sweep_file import SweepFile
from spaces.params import TrialParams
from spaces.space import Dimension, Space, Value


class Points:
    """Draws points for one worker.

    A head's parameters enter the study of fine-tuning as they are, so that its sampler learns what
    helps which head; fine-tuning's own are drawn when it begins, but for those that a recipe gave.

    Args:
        space: The sweep's.
        file: The sweep's.
        slots: The sweep's.
        study: Opens the study of a phase.
    """

    def __init__(
        self, space: Space, file: SweepFile, slots: Slots, study: Callable[[Phase], SweepStudy]
    ) -> None:
        self._space = space
        self._file = file
        self._slots = slots
        self._study = study
        self._burst = Burst(space, file.search.burst)
        self._shared = cache(lambda _phase: shared_space())

    def draw(self, slot: Slot) -> tuple[Trial, TrialParams]:
        """Give the trial of a slot in its phase's study, and what it tries.

        Raises:
            SlotLostError: If another worker has taken the slot over.
        """
        return self._head(slot) if slot.phase == "head" else self._finetuning(slot)

    def hear(self, ended: Slot) -> None:
        """Take note of how a slot ended, for where the next one is drawn."""
        if ended.phase == "head" and ended.trial is not None:
            if not self._burst.began_with(ended.trial):
                return
            score = ended.score if ended.state == "done" else None
            self._burst.hear(ended.trial, score, self._slots.standing().scores.values())

    def _head(self, slot: Slot) -> tuple[Trial, TrialParams]:
        base = make_sampler(self._file.search, slot.number, shared=self._shared("head"))
        trial = self._study("head").begin(slot, self._burst.sampler(base))

        def draw(dimension: Dimension) -> Value:
            return suggest(trial, dimension)

        params = self._space.draw(draw)
        if self._file.train.head_epochs == 0:
            # Its first phase is fine-tuning.
            params = self._space.draw_finetuning(params, draw)
        self._burst.note(trial)
        if "batch_size" not in params.model_fields_set:
            drawn = params.model_dump(exclude_unset=True)
            params = TrialParams(**{**drawn, "batch_size": self._file.train.batch_size})
        return trial, params

    def _finetuning(self, slot: Slot) -> tuple[Trial, TrialParams]:
        head = self._slots.one(slot.number)
        params = TrialParams.of_trial(head.params or {})
        inputs = self._space.head_dimensions(params)
        own = {d.label for d in self._space.dimensions if d.stage == "finetune"}
        recipe = self._study("head").given(head)
        values = {d.label: getattr(params, d.name) for d in inputs}
        values |= {label: value for label, value in recipe.items() if label in own}
        shared = self._shared("finetune")
        base = make_sampler(self._file.search, slot.number, "finetune", shared=shared)
        trial = self._study("finetune").begin(slot, fixed(values, base))

        def draw(dimension: Dimension) -> Value:
            return suggest(trial, dimension)

        for dimension in inputs:
            draw(dimension)
        return trial, self._space.draw_finetuning(params, draw)
