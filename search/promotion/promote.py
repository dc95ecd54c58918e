"""From the best trial to a registered model: refit, look at the holdout, gate, verify, alias."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlruns_config import names
from mlruns_config.registry.promotion_run import PromotionRun
from mlruns_config.registry.saved_classifier import Classifier
from objectives.evaluation.holdout import HoldoutViews
from objectives.records import RowArray, Stage, TrialContext
from objectives.store.array_store import ArrayStore
from search.open_sweep import OpenSweep
from search.promotion.candidate import Candidate, choose_candidate
from search.promotion.champion import Champion, load_champion, note_training_content
from search.promotion.content import content_ids, kin_ids
from search.promotion.examination import Examination, Holdout, examine
from search.promotion.record import CurveReporter, open_run, show_verdict
from search.promotion.registration import move_alias_from, register_verified
from search.promotion.report import Promotion, scores_json
from search.storage.promotions import Promotions
from search.workers.interruption import orderly_interruption
from spaces.params import TrialParams

if TYPE_CHECKING:
    import keras

Refit = Callable[[TrialParams, Mapping[Stage, int], TrialContext], "keras.Model"]
MakeViews = Callable[[RowArray], HoldoutViews]


def promote(
    opened: OpenSweep,
    *,
    trial: int | None = None,
    model: str | None = None,
    alias: str = names.ALIAS_CHAMPION,
    force: bool = False,
    on_progress: Callable[[str], None] | None = None,
    refit: Refit | None = None,
    views: MakeViews | None = None,
) -> Promotion:
    """Refit a trial, compare it with the champion on the holdout, and register it if it passes.

    A challenger that the gate refuses is not registered: its run keeps the scores. The alias moves
    last, to a version that a process without foldsweep has loaded and predicted the same with. So
    wherever this is killed, the alias points to a verified version, and it can be run again.

    Args:
        opened: The sweep.
        trial: Its number; None takes the best.
        model: Name of the registered model; None takes the sweep's.
        alias: What to point to the version.
        force: Register and move the alias although the gate said no; the version says so.
        on_progress: Hears what is being done.
        refit: What trains the model; None takes :func:`objectives.refit.refit`.
        views: Shows held-out rows; None takes a fresh draw of the
            sweep's shift, and all corruptions.

    Returns:
        What was found and done; ``passed`` is False if the gate said no.

    Raises:
        InputError: If there is no such trial, no holdout, or no comparable champion.
        RefusedError: If the version predicts otherwise elsewhere, or the alias moved meanwhile.
        UnavailableError: If MLflow or the storage does not answer.
        KeyboardInterrupt: After SIGINT or SIGTERM; the run in MLflow was ended as killed then.
    """
    candidate = choose_candidate(opened.slots.all(), opened.file.sweep, trial)
    opened.space.check_names(candidate.params)
    target = Target(model or opened.file.sweep, alias, force)
    own = Tools(refit or _own_refit, views or _own_views(opened), on_progress or _say_nothing)
    with orderly_interruption():
        return _Promotion(opened, candidate, target, own).run()


@dataclass(frozen=True)
class Target:
    """Where a promotion goes to."""

    model: str
    alias: str
    force: bool


@dataclass(frozen=True)
class Tools:
    """What a promotion works with."""

    refit: Refit
    views: MakeViews
    say: Callable[[str], None]


@dataclass(frozen=True)
class _Promotion:
    opened: OpenSweep
    candidate: Candidate
    target: Target
    tools: Tools

    def run(self) -> Promotion:
        opened, data, splits = self.opened, self.opened.prepared.data, self.opened.prepared.splits
        holdout = Holdout.of(data, splits)
        classes = data.class_names
        champion = load_champion(opened.tracking, self.target.model, self.target.alias, classes)
        if champion is not None:
            unseen = champion.unseen(holdout.rows, data.content_hashes, splits.groups)
            holdout = holdout.kept(unseen)
        with open_run(opened, self.candidate) as run:
            challenger = self._refit(run)
            book = opened.storage.promotions
            look = self._enter_look(book, holdout, run)
            looks = book.count(kin_ids(data, splits, holdout.rows))
            found = self._examine(holdout, challenger, champion)
            promotion = self._judge(champion, found, looks, run)
            _note_verdict(book, look, promotion)
            metric = opened.file.validation.metric
            show_verdict(run, promotion, found, holdout, class_names=classes, metric=metric)
            if promotion.passed or promotion.forced:
                promotion = self._register(promotion, challenger, holdout, run)
                book.note_alias(look, promotion.version or 0)
            return promotion

    def _refit(self, run: PromotionRun) -> Classifier:
        opened, prepared, candidate = self.opened, self.opened.prepared, self.candidate
        lengths = " and ".join(f"{n} epochs of {stage}" for stage, n in candidate.epochs.items())
        rows = prepared.splits.rows
        self.tools.say(f"refitting trial {candidate.trial} on {len(rows)} images for {lengths}")
        note_training_content(run, kin_ids(prepared.data, prepared.splits, rows))
        reporter = CurveReporter(run, self.tools.say)
        with tempfile.TemporaryDirectory() as scratch:
            context = opened.context(Path(scratch), reporter)
            network = self.tools.refit(candidate.params, candidate.epochs, context)
        return Classifier(network, prepared.data.class_names)

    def _enter_look(self, book: Promotions, holdout: Holdout, run: PromotionRun) -> str:
        hashes = self.opened.prepared.data.content_hashes
        return book.look(
            self.opened.row.id,
            self.candidate.trial,
            content_ids([hashes[row] for row in holdout.rows.tolist()]),
            model=self.target.model,
            alias=self.target.alias,
            run_id=run.run_id,
        )

    def _examine(
        self, holdout: Holdout, challenger: Classifier, champion: Champion | None
    ) -> Examination:
        return examine(
            holdout,
            self.tools.views(holdout.rows),
            challenger,
            champion,
            validation=self.opened.file.validation,
            seed=self.opened.file.search.seed,
            on_progress=self.tools.say,
        )

    def _judge(
        self, champion: Champion | None, found: Examination, looks: int, run: PromotionRun
    ) -> Promotion:
        decision = found.decision
        note = "" if champion is None else champion.size_note(self.opened.file.data.image_px)
        forced = self.target.force and not decision.passed
        return Promotion(
            model=self.target.model,
            version=None,
            alias=None,
            trials=(self.candidate.trial,),
            holdout=found.challenger,
            champion_holdout=found.champion,
            champion_before=None if champion is None else champion.version.number,
            decision=decision,
            forced=forced,
            reason=decision.reason + note,
            looks=looks,
            run_id=run.run_id,
        )

    def _register(
        self, promotion: Promotion, challenger: Classifier, holdout: Holdout, run: PromotionRun
    ) -> Promotion:
        opened, target, say = self.opened, self.target, self.tools.say
        tags = {**opened.origin(self.candidate.trial).tags(), **promotion.tags()}
        version = register_verified(
            opened.tracking,
            run.run_id,
            target.model,
            challenger,
            holdout.images,
            tags,
            on_progress=say,
        )
        say(f"moving {target.model}@{target.alias} to version {version.number}")
        before = promotion.champion_before
        move_alias_from(opened.tracking, opened.storage, version, target.alias, before)
        run.write(tags={names.TAG_MODEL: version.uri})
        return replace(promotion, version=version.number, alias=target.alias)


def _note_verdict(book: Promotions, look: str, promotion: Promotion) -> None:
    book.note(
        look,
        passed=promotion.passed,
        forced=promotion.forced,
        reason=promotion.reason,
        scores=scores_json(promotion.holdout),
    )


def _own_refit(
    params: TrialParams, epochs: Mapping[Stage, int], context: TrialContext
) -> "keras.Model":
    from objectives.refit import refit

    return refit(params, epochs, context)


def _own_views(opened: OpenSweep) -> MakeViews:
    from objectives.evaluation.holdout_views import make_holdout_views

    file, data = opened.file, opened.prepared.data
    store = ArrayStore(opened.settings.home / "store", max_bytes=opened.settings.store_bytes)
    return lambda rows: make_holdout_views(
        data, rows, file.validation, seed=file.search.seed, store=store
    )


def _say_nothing(text: str) -> None:
    """Take no notice of progress."""
