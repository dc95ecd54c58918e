"""What is run next: heads first and broadly, then the best of them for a share of the budget."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from objectives.settings import TrainSettings
from objectives.stopping.rung import next_of_top, size_of_top
from search.storage.records import Budget, Slot, Standing, WorkerRow
from search.storage.slots import Slots
from search.workers.time_left import seconds_left


@dataclass(frozen=True)
class Turn:
    """What a worker may begin at a moment; every worker that looks then finds the same.

    Where trials are what runs out first, the share ``finetune_top`` of the finished heads is
    fine-tuned. Where it is time, heads stop at the share that is kept for fine-tuning, which then
    takes one head after the other, the best first, until the time is up.
    """

    standing: Standing
    finetune_top: float
    heads_are_late: bool
    """Whether the time that heads may use has been used."""
    has_second_phase: bool = True
    """Whether the sweep fine-tunes at all."""

    @classmethod
    def of(
        cls,
        standing: Standing,
        train: TrainSettings,
        budget: Budget,
        everyone: Sequence[WorkerRow],
    ) -> "Turn":
        """Look at a sweep.

        Args:
            standing: How far its trials are.
            train: Its settings.
            budget: Its present one.
            everyone: All workers that it ever had.
        """
        kept = train.finetune_share if train.finetune_epochs else 0.0
        late = seconds_left(_share_of(budget, 1 - kept), everyone) == 0
        return cls(standing, train.finetune_top, late, train.finetune_epochs > 0)

    @property
    def has_head(self) -> bool:
        """Say whether a head that waits may be begun."""
        standing = self.standing
        if not standing.heads["free"]:
            return False
        if not self.heads_are_late or self._is_all_heads:
            return True
        # Time is not left unused where there is nothing to fine-tune, nor soon will be.
        return not self.has_finetuning and not standing.heads["running"]

    @property
    def has_finetuning(self) -> bool:
        """Say whether a fine-tuning waits, or may be begun."""
        standing = self.standing
        if standing.finetunings["free"]:
            return True
        return self.pick(standing.worthy, standing.begun) is not None

    @property
    def is_work_left(self) -> bool:
        """Say whether anything may be begun, now or when what runs has ended."""
        waiting = self.standing.heads["free"] + self.standing.finetunings["free"]
        return waiting > 0 or self.has_finetuning

    @property
    def is_work_under_way(self) -> bool:
        """Say whether anything runs, which may come back or bring more work."""
        return self.standing.heads["running"] + self.standing.finetunings["running"] > 0

    @property
    def n_to_come(self) -> int:
        """Count the fine-tunings that heads which run may bring, none of which can begin yet."""
        standing = self.standing
        n_heads = len(standing.worthy) + standing.heads["running"]
        if self._is_all_heads or not standing.heads["running"] or not self.has_second_phase:
            return 0
        return max(0, size_of_top(n_heads, top=self.finetune_top) - len(standing.begun))

    def is_dispensable(self, worker_id: str, live: Collection[str]) -> bool:
        """Say whether a worker that found nothing to do may leave: others will take what comes.

        Whoever is busy goes on with what comes of its own trial; one that is idle stays for a trial
        that may be lost, and one for each fine-tuning beyond those.

        Args:
            worker_id: The worker's.
            live: All that live, read after the standing: of who was given up in between, the
                standing says that it is busy.
        """
        busy = self.standing.holders
        idle = sorted(set(live) - busy)
        n_needed = 1 + max(0, self.n_to_come - len(busy))
        return worker_id in idle[n_needed:]

    def pick(self, worthy: Mapping[int, float], begun: Collection[int]) -> int | None:
        """Name the slot to fine-tune next, as :meth:`Slots.claim_finetuning` asks for it."""
        binds = self.heads_are_late and self.standing.heads["free"] > 0
        return next_of_top(worthy, begun, top=1.0 if binds else self.finetune_top)

    def claim(self, slots: Slots, worker_id: str) -> Slot | None:
        """Take what comes next; None if there is nothing to begin now."""
        head = slots.claim(worker_id) if self.has_head else None
        return head or slots.claim_finetuning(worker_id, self.pick)

    @property
    def _is_all_heads(self) -> bool:
        """Say whether the objective seems to have no second phase: no finished head goes on."""
        return bool(self.standing.scores) and not self.standing.worthy


def _share_of(budget: Budget, share: float) -> Budget:
    def part(limit: float | None) -> float | None:
        return None if limit is None else share * limit

    return replace(
        budget,
        hours=part(budget.hours),
        gpu_hours=part(budget.gpu_hours),
        money=part(budget.money),
    )
