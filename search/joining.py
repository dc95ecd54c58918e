"""Join a sweep that exists: what was decided once comes from the storage, and is compared."""

from socket import gethostname

from mlruns_config.settings import TrackingSettings
from search.home import claim_home
from search.open_sweep import OpenSweep
from search.preparation import Prepared, check_data, prepare_images
from search.settings import RuntimeSettings
from search.storage.records import SweepRow
from search.storage.storage import open_storage
from search.sweep_file.stored import stored_file
from search.sweep_file.sweep_file import SweepFile, changes_that_affect_scores
from search.workers.provenance import SCORING_RULES, code_digest, score_versions
from spaces.default_space import SPACES
from spaces.errors import InputError
from spaces.narrowing import AUTO, base_of, resolve_space
from spaces.policies import load_policy
from spaces.space import Space


def join(file: SweepFile, settings: RuntimeSettings) -> OpenSweep:
    """Open a sweep that exists; rows, folds, groups, holdout and budget are the storage's.

    Images are prepared once a machine, whoever comes first; nothing is audited or drawn.

    Args:
        file: The sweep's, with an absolute data path.
        settings: Of this machine.

    Raises:
        InputError: If there is no such sweep, or file or data are not those that it began with.
        UnavailableError: If the storage does not answer.
    """
    from objectives.splits import splits_from_bytes

    storage = open_storage(settings.storage_url)
    row = storage.sweeps.find(file.sweep)
    if row is None:
        raise InputError(f"the sweep {file.sweep!r} was not launched yet.")
    budget = stored_file(row).budget
    file = refuse_changes(row, file).model_copy(update={"budget": budget})
    check_data(file)
    space = resolve_space(file.space)
    load_policies(file, space)
    claim_home(settings.home)
    data, source = prepare_images(file, settings)
    refuse_other_data(row, data.fingerprint, row.fold_hash, file)
    return OpenSweep(
        file,
        settings,
        TrackingSettings.from_environment(settings.home),
        storage,
        row,
        space,
        Prepared(data, splits_from_bytes(row.splits), source),
    )


def load_policies(file: SweepFile, space: Space) -> None:
    """Import the user's own operations, which trials of this process find by name alone.

    Raises:
        InputError: If one is unknown, or cannot be imported.
    """
    choices = (choice for d in space.dimensions if d.name == "policy" for choice in d.choices)
    for policy in {file.validation.shift, *map(str, choices)}:
        load_policy(policy)


def refuse_changes(row: SweepRow, file: SweepFile) -> SweepFile:
    """Refuse a file whose scores could not be compared with those of a sweep.

    Returns:
        The file, with the sweep's own values for the keys that it leaves out.

    Raises:
        InputError: With the differences.
    """
    # A space that was narrowed before there was `auto` had `default` as its base.
    stored = stored_file(row).on_space("default")
    chosen = base_of(stored.space)
    merged = file.over(stored).on_space(chosen if chosen in SPACES else AUTO)
    changes = changes_that_affect_scores(stored, merged)
    if changes:
        raise InputError(
            f"the sweep {row.name!r} exists with other settings, so its scores could not be "
            f"compared: {'; '.join(changes)}. Change these back, or give the sweep another name."
        )
    _refuse_code_of_the_database(row, file, merged)
    return merged


def _refuse_code_of_the_database(row: SweepRow, file: SweepFile, merged: SweepFile) -> None:
    """See that all code that will be imported is named by the file itself.

    Raises:
        InputError: With the names that the stored sweep alone has.
    """
    names = sorted(merged.names_of_code - file.names_of_code)
    if names:
        raise InputError(
            f"the sweep {row.name!r} was made with code of one's own, {', '.join(names)}, which "
            "this file does not name. What a database names is never imported: write the keys that "
            "name it into the file."
        )


def refuse_other_data(row: SweepRow, fingerprint: str, fold_hash: str, file: SweepFile) -> None:
    """Refuse images, or folds drawn of them, that are not those of a sweep.

    Raises:
        InputError: With both fingerprints.
    """
    if fingerprint != row.fingerprint:
        raise InputError(
            f"{file.data.path} is not the data that the sweep {row.name!r} began with: its "
            f"fingerprint is {fingerprint[:12]}, not {row.fingerprint[:12]}. Give the same data "
            "with --data, or give the sweep another name."
        )
    if fold_hash != row.fold_hash:
        raise InputError(
            f"the folds drawn here are not those of the sweep {row.name!r} ({fold_hash[:12]}, not "
            f"{row.fold_hash[:12]}): another version of foldsweep or of its libraries drew them. "
            "Use the same versions on every machine."
        )


def refuse_other_rules(row: SweepRow) -> None:
    """Refuse to add trials to a sweep that has scores by other rules.

    It can still be shown and promoted: what it found is compared with itself alone then.

    Raises:
        InputError: With both versions.
    """
    own = score_versions()[SCORING_RULES]
    # Sweeps of before there were versions have none.
    theirs = row.versions.get(SCORING_RULES, "1")
    if theirs != own:
        raise InputError(
            f"the sweep {row.name!r} has scores by version {theirs} of the scoring rules, and this "
            f"foldsweep scores by version {own}: they could not be compared. Show it and promote "
            "from it; to go on searching, give the sweep another name."
        )


def refuse_other_versions(row: SweepRow) -> None:
    """Refuse to run trials by other rules or with other libraries than the sweep's.

    Raises:
        InputError: Naming each that differs from those that the sweep was last launched with.
    """
    refuse_other_rules(row)
    differences = version_differences(row)
    if differences:
        raise InputError(
            f"this machine has other versions than the sweep {row.name!r} was launched with: "
            f"{', '.join(differences)}. Install the same, or launch the sweep from here."
        )


def refuse_other_code(theirs: str) -> None:
    """Refuse to run trials by another code than the launcher's, where versions say they are equal.

    Args:
        theirs: The launcher's ``code_digest``.

    Raises:
        InputError: Naming the packages that differ.
    """
    differing = sorted(set(code_digest().split(",")) - set(theirs.split(",")))
    if differing:
        names = ", ".join(part.partition(":")[0] for part in differing)
        raise InputError(
            f"the foldsweep of {gethostname()} is not the one that launched the sweep: the code of "
            f"{names} differs. Install the same on every machine."
        )


def version_differences(row: SweepRow) -> list[str]:
    """Name each library, and the scoring rules, of which a sweep was last launched with another."""
    own = score_versions()
    return [
        f"{name} {own.get(name, 'none')} instead of {row.versions.get(name, 'none')}"
        for name in sorted(own.keys() | row.versions.keys())
        if own.get(name) != row.versions.get(name)
    ]
