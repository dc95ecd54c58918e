"""What the page of a sweep and its short form say in the same words."""

from collections.abc import Iterator

from search.pages.sweep_facts import SweepFacts
from search.status import TrialRecord
from spaces.policy_text import takes_strength


def policy_of(trial: TrialRecord) -> str:
    """Name the augmentation of a trial, with its strength where it takes one."""
    policy = str(trial.params.get("policy", "-"))
    strength = trial.params.get("strength")
    return f"{policy} {strength}" if strength and takes_strength(policy) else policy


def shared_rows(facts: SweepFacts) -> Iterator[tuple[str, int, int, int]]:
    """Give what all trials together made, found made, and made in passing: a row each work."""
    for work, counts in facts.status.shared.items():
        yield work, counts.get("made", 0), counts.get("reused", 0), counts.get("streamed", 0)


def budget_rows(facts: SweepFacts) -> Iterator[tuple[str, str, str]]:
    """Give what was used of what may be used."""
    budget = facts.status.budget
    for name, shown in (
        ("trials", "trials"),
        ("hours", "hours in which a worker ran"),
        ("gpu_hours", "GPU hours"),
        ("money", "money"),
    ):
        used = budget.get("trials_used" if name == "trials" else f"{name}_used")
        limit = budget.get(name)
        if used is not None:
            written = f"{used:g}" if name == "trials" else f"{used:.2f}"
            yield shown, written, "no limit" if limit is None else f"{limit:g}"
