"""The model card: what a registered model is, made of facts, as the page of its version."""

from collections.abc import Iterator, Sequence

from mlruns_config.markdown import plain, table
from objectives.evaluation.bootstrap import Estimate
from search.promotion.card_facts import CardFacts, ClassFacts, SearchFacts

SHORTER = (40, 25, 15, 8, 4, 0)
"""Rows of the tables of classes and dimensions that are tried where the whole card is too long."""
FEW_IMAGES = 30
"""Held-out images of a class below which its figures say little."""
NAME_CHARACTERS = 40
VALUES_CHARACTERS = 120


def model_card(facts: CardFacts, *, most_characters: int | None = None) -> str:
    """Write the card, in Markdown.

    Args:
        facts: Of a version that is registered.
        most_characters: What there is room for: where it is too long, tables are cut to their
            first rows, those of classes to the worst classes.
    """
    card = _card(facts, len(facts.classes) + len(facts.search.dimensions))
    for rows in SHORTER:
        if most_characters is None or len(card) <= most_characters:
            return card
        card = _card(facts, rows)
    return card[:most_characters]


def _card(facts: CardFacts, rows: int) -> str:
    parts = [
        _summary(facts),
        "### Scores on held-out images",
        _scores(facts),
        _calibration(facts),
        "### By corruption",
        _corruptions(facts),
        "### By class",
        *_classes(facts.classes, rows),
        "### Load, call and serve it",
        _usage(facts),
        "### Limits",
        _limits(facts),
        "### Data",
        _data(facts),
        "### What was searched",
        *_searched(facts.search, rows),
    ]
    return "\n\n".join(part for part in parts if part)


def _summary(facts: CardFacts) -> str:
    promotion, search = facts.promotion, facts.search
    verdict = "**forced past the gate**" if promotion.forced else "refused by the gate"
    if promotion.passed:
        verdict = "passed the gate"
    before = promotion.champion_before
    champion = "there was no champion before" if before is None else f"champion before: {before}"
    return (
        f"Classifies images into {len(facts.classes)} classes. Sweep `{search.sweep}`,"
        f" {_who(facts)}, refitted on {facts.data.trained_on} images; {verdict}; {champion}.\n\n"
        f"The gate: {plain(promotion.reason, 400)}. Looks at this holdout so far:"
        f" {promotion.looks}."
    )


def _who(facts: CardFacts) -> str:
    """Say which trials answer, the heaviest with its network."""
    lineup = facts.promotion.lineup
    first = lineup.members[0]
    network = plain(first.candidate.params.backbone, NAME_CHARACTERS)
    turned = "" if first.symmetry == "none" else f", over its symmetries ({first.symmetry})"
    if len(lineup.members) == 1:
        return f"trial {first.candidate.trial} on {network}{turned}"
    weights = ", ".join(
        f"{member.candidate.trial} ({member.weight:.2f})" for member in lineup.members[:12]
    )
    more = ", ..." if len(lineup.members) > 12 else ""
    kind = "average" if lineup.combination == "average" else "vote"
    return f"{kind} of trials {weights}{more}, the heaviest on {network}{turned}"


def _scores(facts: CardFacts) -> str:
    promotion = facts.promotion
    before = promotion.champion_holdout.by_view() if promotion.champion_holdout else {}
    headings = ["view", _metric(facts.search.metric), "95 % interval"]
    headings += [f"champion before (version {promotion.champion_before})"] if before else []
    rows = []
    for view, found in promotion.holdout.by_view().items():
        if found is not None:
            theirs = before.get(view)
            beside = [_number(None if theirs is None else theirs.score)] if before else []
            rows.append([view, *_estimate(found), *beside])
    return table(headings, rows)


def _calibration(facts: CardFacts) -> str:
    found = facts.promotion.calibration.get("after")
    if found is None:
        return ""
    return (
        f"Probabilities: log loss {found.log_loss:.4f} nats, calibration error"
        f" {found.calibration_error:.4f} (how far confidence is from accuracy)."
    )


def _corruptions(facts: CardFacts) -> str:
    rows = [
        [name.replace("_", " "), *_estimate(found)] for name, found in facts.corruptions.items()
    ]
    return table(("corruption", _metric(facts.search.metric), "95 % interval"), rows)


def _classes(classes: Sequence[ClassFacts], most: int) -> Iterator[str]:
    shown = list(classes)
    if len(classes) > most:
        shown = sorted(classes, key=lambda each: each.recall)[:most]
        yield (
            f"The {most} classes of the lowest recall out of {len(classes)}; all of them are in"
            " `model_card.md` of the run."
        )
    if shown:
        yield table(
            ("class", "trained on", "held out", "precision", "recall", "recall shifted"),
            (
                [
                    plain(each.name, NAME_CHARACTERS),
                    str(each.trained_on),
                    str(each.held_out),
                    _number(each.precision),
                    _number(each.recall if each.held_out else None),
                    _number(each.shifted_recall if each.held_out else None),
                ]
                for each in shown
            ),
        )


def _usage(facts: CardFacts) -> str:
    promotion = facts.promotion
    uri = promotion.uri or f"models:/{promotion.model}@{promotion.destination}"
    ms = promotion.latencies_ms.get("registered", {}).get(1)
    speed = "" if ms is None else f" One image took {ms:.1f} ms on the machine of the promotion."
    return (
        "```\n"
        f"foldsweep predict {uri} IMAGE...\n"
        f"foldsweep serve {uri}\n"
        "```\n\n"
        "```python\n"
        f'model = mlflow.keras.load_model("{uri}")\n'
        "probabilities = model.predict(images)  # uint8, (batch, any height, any width, 3)\n"
        "```\n\n"
        f"It resizes to {facts.data.image_px} px inside, and needs no foldsweep. The"
        f" probabilities are in the order of the classes in the signature.{speed}"
    )


def _limits(facts: CardFacts) -> str:
    lines = [
        "It always answers with one of its classes, also about a picture of nothing of the kind.",
        "The scores hold for images like the held-out ones; the corrupted score says how far it"
        " falls on worse ones.",
    ]
    present = [each for each in facts.classes if each.held_out]
    if present:
        worst = min(present, key=lambda each: each.recall)
        lines.append(
            f"The class of the lowest recall is {plain(worst.name, NAME_CHARACTERS)}:"
            f" {worst.recall:.4f}."
        )
    few = [
        plain(each.name, NAME_CHARACTERS) for each in facts.classes if each.held_out < FEW_IMAGES
    ]
    if few:
        more = f" and {len(few) - 5} more" if len(few) > 5 else ""
        lines.append(
            f"Fewer than {FEW_IMAGES} images were held out of {', '.join(few[:5])}{more}: their"
            " figures say little."
        )
    if facts.promotion.looks > 1:
        lines.append(
            f"The holdout was looked at {facts.promotion.looks} times: the more often, the less a"
            " good score there means."
        )
    return "\n".join(f"- {line}" for line in lines)


def _data(facts: CardFacts) -> str:
    data = facts.data
    left_out = data.images - data.trained_on - data.held_out
    return (
        f"{plain(data.name)} ({plain(data.path)}), fingerprint `{data.fingerprint}`:"
        f" {data.images} images, of which {data.trained_on} were trained on, {data.held_out} held"
        f" out ({data.asked_about} of them asked about), and {left_out} left out."
    )


def _searched(search: SearchFacts, most: int) -> Iterator[str]:
    counts = ", ".join(f"{count} {state}" for state, count in sorted(search.states.items()))
    shift = "no shift" if search.shift == "none" else f"the shift {plain(search.shift)}"
    yield (
        f"{sum(search.states.values())} trials ({counts}), {search.fine_tuned} of them fine-tuned,"
        f" drawn by {search.sampler}; {search.folds} folds; scored by"
        f" {_metric(search.metric)}, {search.score}, with {shift}."
    )
    shown = list(search.dimensions)[:most]
    if shown:
        yield "\n".join(
            f"- {plain(name)}: {plain(values, VALUES_CHARACTERS)}" for name, values in shown
        )


def _metric(metric: str) -> str:
    return "negated log loss" if metric == "log_loss" else metric.replace("_", " ")


def _estimate(found: Estimate) -> tuple[str, str]:
    return _number(found.score), f"{found.low:.4f} to {found.high:.4f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
