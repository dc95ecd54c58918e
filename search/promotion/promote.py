"""From the best trials to a registered model: refit, look at the holdout, gate, verify, alias."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mlruns_config import names
from mlruns_config.description.promotion import MODEL_CARD, Tempered, member_tags
from mlruns_config.registry.alias_moves import MoveReason
from mlruns_config.registry.promotion_run import PromotionRun
from mlruns_config.registry.registry import MAX_DESCRIPTION, describe_version
from mlruns_config.registry.saved_classifier import Classifier
from mlruns_config.registry.versions import Version
from objectives.ensembles.calibration import CalibrationNumbers
from objectives.ensembles.choosing import EnsembleSize
from objectives.evaluation.holdout import HoldoutViews
from search.open_sweep import OpenSweep
from search.promotion.card_facts import card_facts
from search.promotion.challenger import Challenger, build_challenger
from search.promotion.champion import Champion, load_champion, note_training_content
from search.promotion.content import content_ids, kin_ids
from search.promotion.examination import Examination, Holdout, examine
from search.promotion.lineup import Lineup, Member, choose_lineup
from search.promotion.model_card import model_card
from search.promotion.record import CurveReporter, open_run, show_verdict
from search.promotion.registration import hand_alias, move_alias_from, register_verified
from search.promotion.report import Promotion, scores_json
from search.promotion.tools import (
    MakeViews,
    Refit,
    Role,
    Target,
    Tools,
    own_refit,
    own_views,
    say_nothing,
)
from search.storage.promotions import Promotions
from search.workers.interruption import orderly_interruption

if TYPE_CHECKING:
    from objectives.networks.serving import TrainedNetwork


def promote(
    opened: OpenSweep,
    *,
    trial: int | None = None,
    ensemble: EnsembleSize = "auto",
    model: str | None = None,
    alias: str = names.ALIAS_CHAMPION,
    force: bool = False,
    role: Role = "champion",
    keep_refused: bool = False,
    dry_run: bool = False,
    on_progress: Callable[[str], None] | None = None,
    refit: Refit | None = None,
    views: MakeViews | None = None,
) -> Promotion:
    """Refit what answers best, compare it with the champion, and register it if it passes.

    Who answers is chosen by out-of-fold predictions, before the holdout is looked at. A challenger
    that the gate refuses is not registered, unless it is to be kept: its run has the scores. The
    alias moves last, to a version that a process without foldsweep has loaded and predicted the
    same with. So wherever this is killed, the alias points to a verified version, and it can be run
    again.

    A dry run does all of it up to the gate's answer, the look at the holdout included, which is
    counted like any other: whoever has seen the answer has looked.

    Args:
        opened: The sweep.
        trial: The number of the one that is to answer alone; None leaves it to ``ensemble``.
        ensemble: ``auto`` lets several trials answer where that gains, a number at most so many
            in any case, ``none`` the best one alone.
        model: Name of the registered model; None takes the sweep's.
        alias: What to point to the version.
        force: Register and move the alias although the gate said no; the version says so.
        role: ``challenger`` registers for shadow use, under the alias ``challenger``, whatever the
            gate says; the champion stays.
        keep_refused: Whether what the gate refuses is registered as the challenger.
        dry_run: Whether to register nothing and to move no alias.
        on_progress: Hears what is being done.
        refit: What trains a member; None takes :func:`objectives.refit.refit`.
        views: Shows held-out rows; None takes a fresh draw of the
            sweep's shift, and all corruptions.

    Returns:
        What was found and done; ``passed`` is False if the gate said no.

    Raises:
        InputError: If there is no such trial, no holdout, or no comparable champion, or options
            contradict each other.
        RefusedError: If the version predicts otherwise elsewhere, or the alias moved meanwhile.
        UnavailableError: If MLflow or the storage does not answer.
        KeyboardInterrupt: After SIGINT or SIGTERM; the run in MLflow was ended as killed then.
    """
    target = Target(model or opened.file.sweep, alias, force, role, keep_refused, dry_run)
    tools = Tools(refit or own_refit, views or own_views(opened), on_progress or say_nothing)
    with orderly_interruption():
        holdout, champion = _meet(opened, target)
        lineup = choose_lineup(
            opened,
            slots=opened.slots.all(),
            trial=trial,
            size=ensemble,
            on_progress=tools.say,
        )
        with open_run(opened, lineup, dry_run=dry_run) as run:
            return _Promotion(opened, lineup, target, tools, run).go(holdout, champion)


def _meet(opened: OpenSweep, target: Target) -> tuple[Holdout, Champion | None]:
    """Load the champion, and take the held-out images that it has not seen either."""
    data, splits = opened.prepared.data, opened.prepared.splits
    holdout = Holdout.of(data, splits)
    champion = load_champion(opened.tracking, target.model, target.alias, data.class_names)
    if champion is None:
        return holdout, None
    unseen = champion.unseen(holdout.rows, data.content_hashes, splits.groups)
    return holdout.kept(unseen), champion


@dataclass(frozen=True)
class _Promotion:
    opened: OpenSweep
    lineup: Lineup
    target: Target
    tools: Tools
    run: PromotionRun

    def go(self, holdout: Holdout, champion: Champion | None) -> Promotion:
        data, splits = self.opened.prepared.data, self.opened.prepared.splits
        challenger = self._refit()
        book = self.opened.storage.promotions
        look = self._enter_look(book, holdout)
        looks = book.count(kin_ids(data, splits, holdout.rows))
        views = self.tools.views(holdout.rows)
        found = self._examine(holdout, views, challenger.classifier, champion)
        calibration = self._calibration(holdout, views, challenger, found)
        latencies_ms = challenger.measure_latencies_ms(holdout.images)
        promotion = replace(
            self._judge(champion, found, looks), calibration=calibration, latencies_ms=latencies_ms
        )
        _note_verdict(book, look, promotion)
        show_verdict(self.run, promotion, found, holdout, self.opened)
        if promotion.destination is None or promotion.dry_run:
            return promotion
        promotion, version = self._register(promotion, challenger.classifier, holdout)
        self._write_card(promotion, version, found, holdout)
        return self._move_alias(promotion, version, book, look)

    def _refit(self) -> Challenger:
        prepared = self.opened.prepared
        seen = kin_ids(prepared.data, prepared.splits, prepared.splits.rows)
        note_training_content(self.run, seen)
        return build_challenger(
            self.lineup,
            [self._refit_member(member) for member in self.lineup.members],
            image_px=self.opened.file.data.image_px,
            class_names=prepared.data.class_names,
        )

    def _refit_member(self, member: Member) -> "TrainedNetwork":
        candidate, n_rows = member.candidate, len(self.opened.prepared.splits.rows)
        lengths = " and ".join(f"{n} epochs of {stage}" for stage, n in candidate.epochs.items())
        self.tools.say(f"refitting trial {candidate.trial} on {n_rows} images for {lengths}")
        reporter = CurveReporter(self.run, candidate.trial, self.tools.say)
        with tempfile.TemporaryDirectory() as scratch:
            context = self.opened.context(Path(scratch), reporter)
            return self.tools.refit(candidate.params, candidate.epochs, context)

    def _enter_look(self, book: Promotions, holdout: Holdout) -> str:
        hashes = self.opened.prepared.data.content_hashes
        return book.look(
            self.opened.row.id,
            self.lineup.trials[0],
            content_ids([hashes[row] for row in holdout.rows.tolist()]),
            model=self.target.model,
            alias=self.target.alias,
            run_id=self.run.run_id,
        )

    def _examine(
        self,
        holdout: Holdout,
        views: HoldoutViews,
        challenger: Classifier,
        champion: Champion | None,
    ) -> Examination:
        return examine(
            holdout,
            views,
            challenger,
            champion,
            validation=self.opened.file.validation,
            seed=self.opened.file.search.seed,
            on_progress=self.tools.say,
        )

    def _calibration(
        self, holdout: Holdout, views: HoldoutViews, challenger: Challenger, found: Examination
    ) -> Mapping[Tempered, CalibrationNumbers]:
        """Measure probabilities with and without temperatures, on the views the score looks at."""
        kind = self.opened.file.validation.score
        shown = views.selected(holdout.images, kind)
        before = np.stack([challenger.untempered.predict(images) for images in shown])
        after = found.predictions.selected(kind)
        return {
            "before": CalibrationNumbers.of(holdout.labels, before),
            "after": CalibrationNumbers.of(holdout.labels, after),
        }

    def _judge(self, champion: Champion | None, found: Examination, looks: int) -> Promotion:
        decision = found.decision
        note = "" if champion is None else champion.size_note(self.opened.file.data.image_px)
        return Promotion(
            model=self.target.model,
            version=None,
            alias=None,
            lineup=self.lineup,
            holdout=found.challenger,
            champion_holdout=found.champion,
            champion_before=None if champion is None else champion.version.number,
            decision=decision,
            forced=self.target.force and not decision.passed,
            reason=decision.reason + note,
            looks=looks,
            run_id=self.run.run_id,
            destination=self.target.alias_for(passed=decision.passed),
            dry_run=self.target.dry_run,
        )

    def _register(
        self, promotion: Promotion, challenger: Classifier, holdout: Holdout
    ) -> tuple[Promotion, Version]:
        origin = self.opened.origin(self.lineup.trials[0])
        version = register_verified(
            self.opened.tracking,
            self.run.run_id,
            self.target.model,
            challenger,
            holdout.images,
            {**member_tags(origin, self.lineup.weights), **promotion.tags()},
            on_progress=self.tools.say,
        )
        return replace(promotion, version=version.number), version

    def _write_card(
        self, promotion: Promotion, version: Version, found: Examination, holdout: Holdout
    ) -> None:
        """Say on the version's page what it is; its run has the whole card, however long."""
        facts = card_facts(self.opened, promotion, found, holdout)
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / MODEL_CARD.file
            path.write_text(model_card(facts), "utf-8")
            self.run.artifact(path)
        describe_version(
            self.opened.tracking, version, model_card(facts, most_characters=MAX_DESCRIPTION)
        )

    def _move_alias(
        self, promotion: Promotion, version: Version, book: Promotions, look: str
    ) -> Promotion:
        opened, target = self.opened, self.target
        alias = promotion.destination or target.alias
        reason = MoveReason(
            target.move_kind(passed=promotion.passed),
            promotion.reason,
            promotion.figures(),
            self.run.run_id,
        )
        self.tools.say(f"moving {target.model}@{alias} to version {version.number}")
        if alias == target.alias:
            before = promotion.champion_before
            move_alias_from(opened.tracking, opened.storage, version, alias, before, reason)
        else:
            hand_alias(opened.tracking, opened.storage, version, alias, reason)
        self.run.write(tags={names.TAG_MODEL: version.uri})
        book.note_alias(look, version.number, alias)
        return replace(promotion, alias=alias)


def _note_verdict(book: Promotions, look: str, promotion: Promotion) -> None:
    book.note(
        look,
        passed=promotion.passed,
        forced=promotion.forced,
        reason=promotion.reason,
        scores=scores_json(promotion.holdout),
    )
