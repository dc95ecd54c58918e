"""The Optuna study: trials that outlive a worker, bursts, samplers, pruners."""

import multiprocessing
from functools import partial
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import Trial, TrialState

from objectives.records import Phase
from search.storage.records import Slot, SlotLostError
from search.storage.slots import Slots
from search.storage.storage import Storage, open_storage
from search.study.burst import Burst
from search.study.points import Points
from search.study.samplers import make_pruner, make_sampler, shared_space
from search.study.study import SLOT_ATTRIBUTE, SweepStudy, suggest
from search.sweep_file.sections import SearchSettings
from search.sweep_file.sweep_file import check_sweep
from spaces.default_space import SPACES
from spaces.params import TrialParams
from spaces.recipes import resolve_recipe
from spaces.space import Dimension, Space
from tests.search.forked_process import forks
from tests.search.small_sweep import claim, enter_sweep, join

# Strength exists only under one policy and momentum only under one optimizer: define-by-run.
SPACE = Space(
    (
        Dimension("backbone", "choice", choices=("a", "b", "c")),
        Dimension("policy", "choice", choices=("none", "flip", "augmix")),
        Dimension("strength", "choice", choices=("low", "high"), when={"policy": ("augmix",)}),
        Dimension("optimizer", "choice", choices=("adamw", "sgd")),
        Dimension("learning_rate", "float", low=1e-5, high=1e-1, log=True),
        Dimension("momentum", "float", low=0.5, high=0.9, when={"optimizer": ("sgd",)}),
        Dimension("dense_units", "int", low=0, high=64),
    )
)
SEARCH = SearchSettings()
TUNED_SPACE = Space(
    (
        Dimension("backbone", "choice", choices=("mobilenet_0.25",)),
        Dimension("optimizer", "choice", choices=("adamw", "sgd")),
        Dimension("dropout", "float", low=0.0, high=0.5),
        *(
            Dimension(
                "finetune_learning_rate",
                "float",
                low=1e-5,
                high=1e-3,
                when={"optimizer": (optimizer,)},
                label=f"{optimizer}_rate",
                stage="finetune",
            )
            for optimizer in ("adamw", "sgd")
        ),
    )
)
FILE = check_sweep({"data": {"path": "/data/cells.npz"}}, origin="a test")
PHASES: tuple[Phase, Phase] = ("head", "finetune")


def open_study(storage: Storage, trials: int = 40) -> tuple[SweepStudy, Slots]:
    row = enter_sweep(storage, trials=trials)
    slots = storage.slots(row.id)
    return SweepStudy(storage, "tissue", SEARCH, slots, epochs=10), slots


def lose(storage: Storage, name: str) -> None:
    """Free what a worker holds, as whoever finds it dead does."""
    row = enter_sweep(storage)
    storage.slots(row.id).lose(join(storage, row.id, name), "its worker was killed")


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage(f"sqlite:///{tmp_path}/foldsweep.db")


def begin(study: SweepStudy, slot: Slot) -> Trial:
    return study.begin(slot, make_sampler(SEARCH, slot.number))


def draw(trial: Trial) -> TrialParams:
    return SPACE.draw(lambda dimension: suggest(trial, dimension))


def finish(study: SweepStudy, slots: Slots, number: int, score: float = 0.5) -> None:
    slot = slots.all()[number]
    slots.finish(slot, "done", score=score)
    study.tell(slots.all()[number])


def test_a_trial_of_a_dead_worker_goes_on_with_its_number_and_parameters(storage: Storage) -> None:
    study, slots = open_study(storage)
    trial = begin(study, claim(slots, "dead"))
    params = draw(trial)
    lose(storage, "dead")
    later, _ = open_study(storage)
    again = begin(later, claim(slots, "alive"))
    assert again.number == trial.number
    assert draw(again) == params
    finish(later, slots, 0, score=0.75)
    assert later.optuna_study.trials[0].value == 0.75
    assert len(later.optuna_study.trials) == 1


def test_a_trial_whose_worker_died_before_noting_its_number_is_found_by_its_slot(
    storage: Storage,
) -> None:
    study, slots = open_study(storage)
    claim(slots, "dead")
    # What is left when a worker is killed between Optuna's commit and the slot's.
    lost = optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs={SLOT_ATTRIBUTE: 0})
    study.optuna_study.add_trial(lost)
    lose(storage, "dead")
    assert begin(study, claim(slots, "alive")).number == 0
    assert begin(study, claim(slots, "another")).number == 1


def test_a_late_worker_leaves_no_running_trial_behind(storage: Storage) -> None:
    study, slots = open_study(storage)
    late = claim(slots, "late")
    lose(storage, "late")
    claim(slots, "new")
    with pytest.raises(SlotLostError):
        begin(study, late)
    assert [trial.state for trial in study.optuna_study.trials] == [TrialState.FAIL]


def test_what_a_worker_could_not_tell_optuna_is_told_later(storage: Storage) -> None:
    study, slots = open_study(storage)
    for state in ("done", "pruned", "failed"):
        slot = claim(slots)
        trial = begin(study, slot)
        trial.report(0.25, 0)
        score = 0.5 if state == "done" else None
        slots.finish(slot, state, score=score)
    assert {trial.state for trial in study.optuna_study.trials} == {TrialState.RUNNING}
    for slot in (*slots.unsaid(), *slots.unsaid()):
        study.tell(slot)
    trials = study.optuna_study.trials
    assert [trial.state.name for trial in trials] == ["COMPLETE", "PRUNED", "FAIL"]
    assert [trial.value for trial in trials] == [0.5, 0.25, None]
    assert all(slot.told for slot in slots.all()[:3])


def test_enqueued_points_come_first_once_and_leave_the_rest_to_the_sampler(
    storage: Storage,
) -> None:
    study, slots = open_study(storage)
    point = resolve_recipe({"backbone": "b", "policy": "augmix", "strength": "high"}, SPACE)
    study.enqueue(point)
    study.enqueue(point)
    first, second = (draw(begin(study, claim(slots))) for _ in range(2))
    assert (first.backbone, first.policy, first.strength) == ("b", "augmix", "high")
    assert "learning_rate" in first.model_fields_set
    assert [trial.state.name for trial in study.optuna_study.trials] == ["RUNNING", "RUNNING"]
    assert second != first


def test_an_enqueued_value_holds_whatever_the_sampler_chooses_above_it(storage: Storage) -> None:
    study, slots = open_study(storage)
    space = SPACES["small"]
    for dropout in np.linspace(0.1, 0.4, 12):
        study.enqueue(resolve_recipe({"learning_rate": 2e-3, "dropout": dropout}, space))
    drawn = [
        space.draw(partial(suggest, begin(study, claim(slots, f"w{number}"))))
        for number in range(12)
    ]
    assert {params.optimizer for params in drawn} == {"adamw", "sgd", "lion"}
    assert {params.learning_rate for params in drawn} == {2e-3}


def test_an_enqueued_point_of_a_dead_worker_is_tried_again(storage: Storage) -> None:
    study, slots = open_study(storage)
    study.enqueue({"backbone": "c"})
    slot = claim(slots, "dead")
    waiting = study.optuna_study.trials[0]
    # Killed after the slot knew, before Optuna did: the trial still waits.
    slots.assign_trial(slot, waiting.number)
    lose(storage, "dead")
    again = begin(study, claim(slots, "alive"))
    assert again.number == 0
    assert draw(again).backbone == "c"


def test_no_two_slots_draw_the_same_first_points(storage: Storage) -> None:
    study, slots = open_study(storage)
    rates = {draw(begin(study, claim(slots))).learning_rate for _ in range(8)}
    assert len(rates) == 8


@pytest.mark.slow
def test_one_worker_alone_can_be_repeated(tmp_path: Path) -> None:
    drawn = []
    for name in ("one", "two"):
        study, slots = open_study(open_storage(f"sqlite:///{tmp_path}/{name}.db"))
        points = []
        for number in range(14):  # past the ten random trials that TPE begins with
            params = draw(begin(study, claim(slots)))
            points.append(params)
            finish(study, slots, number, score=params.learning_rate)
        drawn.append(points)
    assert drawn[0] == drawn[1]


@pytest.mark.slow
def test_samplers_that_share_what_they_know_of_the_space_draw_what_each_would_alone(
    storage: Storage,
) -> None:
    study, slots = open_study(storage)
    shared = shared_space()
    for number in range(20):  # past the ten random trials that TPE begins with
        slot = claim(slots)
        params = draw(study.begin(slot, make_sampler(SEARCH, slot.number, shared=shared)))
        # The same slot is drawn once more, with Optuna's own sampler of that seed, as if the trial
        # and those after it were not there.
        seen = study.optuna_study.get_trials(deepcopy=False)[:number]
        alone = optuna.create_study(sampler=make_sampler(SEARCH, slot.number), direction="maximize")
        alone.add_trials(seen)
        again = SPACE.draw(partial(suggest, alone.ask()))
        assert again == params
        finish(study, slots, number, score=params.learning_rate)


def run_bursts(study: SweepStudy, slots: Slots, worker: str, trials: int) -> list[TrialParams]:
    burst = Burst(SPACE, length=4, random_trials=0)
    points = []
    for _ in range(trials):
        slot = claim(slots, worker)
        trial = study.begin(slot, burst.sampler(make_sampler(SEARCH, slot.number)))
        points.append(draw(trial))
        burst.note(trial)
        finish(study, slots, slot.number, score=points[-1].learning_rate)
    return points


@pytest.mark.slow
def test_a_burst_keeps_its_pair_and_draws_everything_else(storage: Storage) -> None:
    study, slots = open_study(storage)
    points = run_bursts(study, slots, "w", 24)
    bursts = [points[start : start + 4] for start in range(0, 24, 4)]
    for burst in bursts:
        assert len({point.pair for point in burst}) == 1
        assert len({point.learning_rate for point in burst}) == 4
    assert len({burst[0].pair for burst in bursts}) > 2
    assert {point.optimizer for point in points} == {"adamw", "sgd"}


@pytest.mark.slow
def test_bursts_are_short_while_the_sampler_draws_at_random(storage: Storage) -> None:
    study, slots = open_study(storage)
    burst = Burst(SPACE, length=4, random_trials=6)
    lasts = []
    for _ in range(14):
        slot = claim(slots)
        sampler = burst.sampler(make_sampler(SEARCH, slot.number))
        lasts.append(isinstance(sampler, optuna.samplers.PartialFixedSampler))
        trial = study.begin(slot, sampler)
        draw(trial)
        burst.note(trial)
        finish(study, slots, slot.number, score=0.5)
    goes_on = [False, True] * 3 + [False, True, True, True] * 2
    assert lasts == goes_on


def worker_of_bursts(
    url: str, name: str, queue: "multiprocessing.Queue[list[TrialParams]]"
) -> None:
    study, slots = open_study(open_storage(url))
    queue.put(run_bursts(study, slots, name, 12))


@pytest.mark.slow
def test_workers_that_run_bursts_at_once_keep_to_their_own(storage: Storage) -> None:
    open_study(storage)
    queue: multiprocessing.Queue[list[TrialParams]] = forks.Queue()
    url = storage.url.render_as_string(hide_password=False)
    workers = [forks.Process(target=worker_of_bursts, args=(url, f"w{i}", queue)) for i in range(2)]
    for worker in workers:
        worker.start()
    found = [queue.get(timeout=90) for _ in workers]
    for worker in workers:
        worker.join(timeout=30)
    for points in found:
        assert all(len({p.pair for p in points[i : i + 4]}) == 1 for i in (0, 4, 8))
    rates = [point.learning_rate for points in found for point in points]
    assert len(set(rates)) == 24


def test_a_burst_ends_with_its_first_trial_if_that_is_worse_than_most(storage: Storage) -> None:
    study, slots = open_study(storage)
    burst = Burst(SPACE, length=4, random_trials=0)
    goes_on, found = [], []
    # The median of all that have ended, by hand: 0.5, 0.45, then 0.5.
    for score in (0.5, 0.4, 0.6, 0.5, 0.3, 0.6, 0.7, None):
        slot = claim(slots)
        sampler = burst.sampler(make_sampler(SEARCH, slot.number))
        goes_on.append(isinstance(sampler, optuna.samplers.PartialFixedSampler))
        trial = study.begin(slot, sampler)
        draw(trial)
        burst.note(trial)
        found += [] if score is None else [score]
        burst.hear(trial.number, score, found)
    # The second is below the median too, but it is not the first of its burst.
    assert goes_on == [False, True, True, True, False, False, True, True]


def test_a_burst_whose_first_trial_fails_ends(storage: Storage) -> None:
    study, slots = open_study(storage)
    burst = Burst(SPACE, length=4, random_trials=0)
    trial = begin(study, claim(slots))
    draw(trial)
    burst.note(trial)
    burst.hear(trial.number, None, [])
    base = make_sampler(SEARCH, 1)
    assert burst.sampler(base) is base


def test_an_enqueued_pair_interrupts_a_burst_without_ending_it(storage: Storage) -> None:
    study, slots = open_study(storage)
    burst = Burst(SPACE, length=3, random_trials=0)
    pairs: list[tuple[str, ...]] = []
    for index in range(4):
        if index == 1:
            other = next(b for b in ("a", "b", "c") if b != pairs[0][0])
            study.enqueue({"backbone": other, "policy": "none"})
        slot = claim(slots)
        trial = study.begin(slot, burst.sampler(make_sampler(SEARCH, slot.number)))
        pairs.append(draw(trial).pair)
        burst.note(trial)
    assert pairs[0] == pairs[2] == pairs[3] != pairs[1]


def test_a_burst_of_one_fixes_nothing(storage: Storage) -> None:
    burst = Burst(SPACE, length=1)
    study, slots = open_study(storage)
    trial = begin(study, claim(slots))
    draw(trial)
    burst.note(trial)
    base = make_sampler(SEARCH, 1)
    assert burst.sampler(base) is base


@pytest.mark.slow
@pytest.mark.parametrize("name", ["median", "percentile", "hyperband"])
def test_each_pruner_stops_the_worst_of_many(storage: Storage, name: str) -> None:
    search = SearchSettings(pruner=name)
    slots = storage.slots(enter_sweep(storage, "p", trials=30).id)
    study = SweepStudy(storage, "p", search, slots, epochs=9)
    stopped = [prunes(study, slots, score=1 - index / 30) for index in range(30)]
    assert not stopped[0]
    assert any(stopped)


def prunes(study: SweepStudy, slots: Slots, score: float) -> bool:
    slot = claim(slots)
    trial = begin(study, slot)
    draw(trial)
    for epoch in range(9):
        trial.report(score, epoch)
        if trial.should_prune():
            slots.finish(slot, "pruned")
            study.tell(slots.all()[slot.number])
            return True
    finish(study, slots, slot.number, score)
    return False


def test_without_a_pruner_nothing_is_pruned() -> None:
    quiet = SearchSettings(pruner="none")
    assert isinstance(make_pruner(quiet, epochs=9), optuna.pruners.NopPruner)


def tuning_slot(slots: Slots, worker: str = "w") -> Slot:
    slot = slots.claim_finetuning(worker, lambda worthy, begun: min(worthy.keys() - begun))
    assert slot is not None
    return slot


def test_fine_tuning_has_a_study_of_its_own_that_knows_the_heads_point(storage: Storage) -> None:
    row = enter_sweep(storage, trials=3)
    slots = storage.slots(row.id)
    studies = {
        phase: SweepStudy(storage, "tissue", SEARCH, slots, epochs=10, phase=phase)
        for phase in PHASES
    }
    points = Points(TUNED_SPACE, FILE, slots, studies.__getitem__)
    drawn = []
    for score in (0.25, 0.5):
        slot = claim(slots)
        trial, params = points.draw(slot)
        assert trial.params.keys() == {"backbone", "optimizer", "dropout"}
        slots.note_params(slot, params.model_dump(exclude_unset=True))
        slots.finish(slot, "done", score=score, goes_on=True)
        studies["head"].tell(slots.one(slot.number))
        drawn.append(params)
    for number in (0, 1):
        slot = tuning_slot(slots)
        trial, params = points.draw(slot)
        label = f"{params.optimizer}_rate"
        assert trial.params == {
            "backbone": "mobilenet_0.25",
            "optimizer": drawn[number].optimizer,
            "dropout": drawn[number].dropout,
            label: params.finetune_learning_rate,
        }
        assert params.batch_size == FILE.train.batch_size
        slots.finish(slot, "done", score=0.75 + number / 8)
        studies["finetune"].tell(slots.one(slot.number, "finetune"))
    heads, tuned = (studies[phase].optuna_study for phase in PHASES)
    assert (heads.study_name, tuned.study_name) == ("tissue", "tissue/finetune")
    assert [trial.value for trial in heads.trials] == [0.25, 0.5]
    assert [trial.value for trial in tuned.trials] == [0.75, 0.875]
    assert isinstance(tuned.pruner, optuna.pruners.NopPruner)


def test_a_fine_tuning_of_a_dead_worker_goes_on_with_its_parameters(storage: Storage) -> None:
    slots = storage.slots(enter_sweep(storage).id)

    def points() -> Points:
        def study(phase: Phase) -> SweepStudy:
            return SweepStudy(storage, "tissue", SEARCH, slots, epochs=10, phase=phase)

        return Points(TUNED_SPACE, FILE, slots, study)

    head = claim(slots)
    _, params = points().draw(head)
    slots.note_params(head, params.model_dump(exclude_unset=True))
    slots.finish(head, "done", score=0.5, goes_on=True)
    first, drawn = points().draw(tuning_slot(slots, "dead"))
    lose(storage, "dead")
    again, same = points().draw(tuning_slot(slots, "alive"))
    assert (again.number, same) == (first.number, drawn)
