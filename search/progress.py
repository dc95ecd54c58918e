"""How a sweep gets on, in words: what is made of a status document for people."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from search.fitting import Phrases, Short, one_line

Document = Mapping[str, Any]
ENDED = ("done", "pruned", "failed")
ENDINGS = ("done", "stopping", "stopped")
REASONS_SHOWN = 3
TRIALS_NAMED = 5


@contextmanager
def step_display(console: Console) -> Iterator[Callable[[str], None]]:
    """Show what a long command is doing: the last step in a terminal, all of them elsewhere.

    Args:
        console: Where to draw.

    Yields:
        What to call with each step.
    """
    if not console.is_terminal:
        yield console.print
        return
    with console.status("starting") as status:
        yield lambda step: status.update(Text(step))


def summary(document: Document) -> RenderableType:
    """Say in a few lines how a sweep stands: counts, best, cost, who waits, what failed."""
    state = [document["state"]] if document["state"] != "running" else []
    return Group(
        Phrases(with_commas([*counts_phrases(document), *state]), "bold"),
        Phrases(with_commas(best_phrases(document))),
        Phrases(with_commas(cost_phrases(document))),
        *(Text(line) for line in waiting_lines(document)),
        *(Short(line) for line in failure_lines(document)),
    )


def live_phrases(document: Document) -> list[str]:
    """Say the counts, and of a sweep that has ended or is to end, that it does.

    One without a worker is not called interrupted: the first, or the next, may be about to come.
    """
    state = [document["state"]] if document["state"] in ENDINGS else []
    return [*counts_phrases(document), *state]


def plain_line(document: Document) -> str:
    """Say in one line what the live view says in many."""
    parts = [" ".join(with_commas(live_phrases(document))), best_line(document)]
    parts += [" ".join(with_commas(cost_phrases(document))), *_busy(document)]
    parts += waiting_lines(document)
    return one_line(" | ".join(part for part in parts if part))


def with_commas(phrases: Sequence[str]) -> list[str]:
    """Put a comma behind each phrase that another one follows which is not in brackets."""
    following = [*phrases[1:], "("]
    return [
        phrase if after.startswith("(") else f"{phrase},"
        for phrase, after in zip(phrases, following, strict=False)
    ]


def counts_line(document: Document) -> Text:
    """``blood-cells: 12 of 40 trials done (3 pruned, 1 failed), 2 running, 14 min left``."""
    return Text(" ".join(with_commas(counts_phrases(document))), style="bold")


def counts_phrases(document: Document) -> list[str]:
    """Say how many trials there are of each kind, and how long the rest takes."""
    counts, tuning = document["trials"], document.get("finetuning") or {}
    done, tuned = _ended(counts), _ended(tuning)
    kinds = ", ".join(f"{counts[s]} {s}" for s in ("pruned", "failed") if counts.get(s))
    left_s = document.get("seconds_left")
    phrases = (
        (True, f"{document['sweep']}: {done} of {document['budget']['trials']} trials done"),
        (kinds, f"({kinds})"),
        (counts.get("running"), f"{counts.get('running')} running"),
        (tuned, f"{tuned} fine-tuned"),
        (tuning.get("running"), f"{tuning.get('running')} being fine-tuned"),
        (left_s, f"{duration(left_s)} left"),
    )
    return [phrase for is_so, phrase in phrases if is_so]


def best_line(document: Document) -> str:
    """Say the best score so far, what reached it and when, and how sure that is."""
    return " ".join(with_commas(best_phrases(document)))


def best_phrases(document: Document) -> list[str]:
    """Say the same in parts that stay whole."""
    best = document.get("best")
    if not best:
        return ["no score yet"]
    kinds = [kind for kind in ("clean", "shifted") if best.get(kind) is not None]
    scores = [f"{kind} {number(best[kind])}" for kind in kinds]
    tuned = ["fine-tuned"] if best.get("stage") == "finetune" else []
    phrases = [
        f"best: trial {best['trial']} with {number(best['score'])}",
        f"({', '.join([*scores, *tuned])})",
    ]
    since_s = seconds_since(document, best.get("ended_at"))
    phrases += [] if since_s is None else [f"found {duration(since_s)} ago"]
    if not best.get("interval"):
        return phrases
    chosen = f"(optimistic, the best of {document['trials']['done']})"
    return [*phrases, interval_text(best["interval"]), chosen]


def cost_phrases(document: Document) -> list[str]:
    """Say what the GPUs have cost, and may still cost; empty without a price."""
    budget, left = document["budget"], document.get("money_left")
    used, limit = budget.get("money_used"), budget.get("money")
    if used is None:
        return []
    of = "" if limit is None else f" of {limit:.2f}"
    return [f"cost: {used:.2f}{of}", *([] if left is None else [f"about {left:.2f} to come"])]


def failure_lines(document: Document) -> list[str]:
    """Say of the latest reasons of failed trials which trials failed, when and why."""
    return [
        f"{_failed(failure)} failed{_ago(document, failure['latest_at'])}: "
        f"{one_line(failure['reason'])}"
        for failure in (document.get("failures") or ())[:REASONS_SHOWN]
    ]


def making_lines(document: Document) -> list[str]:
    """Say of each worker that makes something for all what it makes."""
    workers = document.get("workers") or ()
    return [f"{worker_name(w)} makes {one_line(w['making'])}" for w in workers if w.get("making")]


def seconds_since(document: Document, moment: float | None) -> float | None:
    """Measure how long before the document was read something was, by the storage's clock."""
    read_at = document.get("read_at")
    return None if read_at is None or moment is None else max(0.0, read_at - moment)


def interval_text(interval: Sequence[float]) -> str:
    """Write an interval of 95 %: ``95 % interval 0.5912 to 0.6333``."""
    low, high = interval
    return f"95 % interval {number(low)} to {number(high)}"


def shared_line(document: Document) -> str:
    """Say what was made and what was reused; empty if the status does not carry it."""
    return " ".join(shared_phrases(document))


def shared_phrases(document: Document) -> list[str]:
    """Say the same in parts that stay whole."""
    shared = document.get("shared") or {}
    kinds = [
        f"{kind}: {', '.join(f'{count} {how}' for how, count in counts.items())}"
        for kind, counts in shared.items()
    ]
    return [f"{kind};" for kind in kinds[:-1]] + kinds[-1:]


def waiting_lines(document: Document) -> list[str]:
    """Say of each worker that is paused what it waits for: ``here-1 is waiting: the disk ...``."""
    workers = document.get("workers") or ()
    waiting = [worker for worker in workers if worker.get("waiting")]
    return [f"{worker_name(each)} is waiting: {one_line(each['waiting'])}" for each in waiting]


def fold_scores(folds: Any) -> str:
    """Write the scores of folds in their order, from a list or a mapping by fold."""
    if isinstance(folds, Mapping):
        folds = [folds[fold] for fold in sorted(folds, key=int)]
    return " ".join(number(score) for score in folds or ())


def number(value: float | None) -> str:
    """Write a score with four digits, a dash for none."""
    return "-" if value is None or value != value else f"{value:.4f}"


def duration(seconds: float | None) -> str:
    """Write a time as people say it: ``45 s``, ``12 min``, ``3 h 20 min``."""
    if seconds is None:
        return "-"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def worker_name(worker: Document) -> str:
    """Name a worker by host and process, without what only programs need."""
    return str(worker["id"]).rpartition("-")[0]


def epoch_number(worker: Document) -> str:
    """Count epochs as people do, from one; a dash for none."""
    return "-" if worker.get("epoch") is None else str(worker["epoch"] + 1)


def _ended(counts: Mapping[str, int]) -> int:
    return sum(counts.get(state, 0) for state in ENDED)


def _failed(failure: Document) -> str:
    numbers = [str(number) for number in failure["trials"][:TRIALS_NAMED]]
    more = len(failure["trials"]) - len(numbers)
    named = ", ".join(numbers) + (f" and {more} more" if more else "")
    return f"trial{'s' if len(failure['trials']) > 1 else ''} {named}"


def _ago(document: Document, moment: float | None) -> str:
    since_s = seconds_since(document, moment)
    return "" if since_s is None else f" {duration(since_s)} ago"


def _busy(document: Document) -> list[str]:
    return [
        f"trial {worker['trial']} {worker['stage']} epoch {epoch_number(worker)}"
        for worker in document.get("workers") or ()
        if worker.get("epoch") is not None
    ]
