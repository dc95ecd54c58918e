"""All checks, in the order in which one may mend what the next would find."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from search.doctor.case import Case
from search.doctor.disk import (
    check_checkpoints,
    check_format,
    check_states_of_others,
    check_store,
)
from search.doctor.finding import Finding, Mending
from search.doctor.runs import check_endings, check_runs, check_spools
from search.doctor.studies import check_studies
from search.doctor.workers import check_workers
from search.settings import RuntimeSettings
from search.storage.storage import Storage, open_storage, schema_versions
from search.stored_sweep import StoredSweep
from search.sweep_file.sweep_file import NAME_PATTERN
from spaces.errors import InputError, unknown_name

SWEEP_CHECKS: Sequence[Callable[[Case], Iterator[Finding]]] = (
    check_workers,
    check_spools,
    check_studies,
    check_endings,
    check_runs,
    check_checkpoints,
)
HOME_CHECKS: Sequence[Callable[[RuntimeSettings, Mending], Iterator[Finding]]] = (
    check_format,
    check_store,
)


@dataclass(frozen=True)
class Report:
    """What an examination found."""

    schema: str | None
    """Version of the storage's tables."""
    sweeps: Sequence[str]
    """Those that were examined."""
    findings: Sequence[Finding]

    @property
    def left(self) -> int:
        """How many were not mended."""
        return sum(not finding.mended for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        findings = [finding.to_json() for finding in self.findings]
        return {
            "schema": self.schema,
            "sweeps": list(self.sweeps),
            "findings": findings,
            "left": self.left,
        }


def examine(
    settings: RuntimeSettings,
    *,
    name: str | None = None,
    fix: bool = False,
    on_progress: Callable[[str], None] | None = None,
) -> Report:
    """Find what disagrees, and mend it if that is wanted; workers may run meanwhile.

    Args:
        settings: Of this machine: whose storage, and whose disk.
        name: One sweep; None examines all.
        fix: Mend what can be mended.
        on_progress: Hears what is being examined.

    Raises:
        InputError: If there is no such sweep.
        UnavailableError: If the storage does not answer.
    """
    mending = Mending(fix)
    stored, own = schema_versions(settings.storage_url)
    if stored != own:
        return Report(stored, [], [_other_schema(mending, stored, own)])
    storage = open_storage(settings.storage_url)
    names = list(storage.sweeps.names())
    if name is not None and name not in names:
        raise unknown_name("sweep", name, names)
    examined = names if name is None else [name]
    findings = [found for check in HOME_CHECKS for found in check(settings, mending)]
    for each in examined:
        if on_progress is not None:
            on_progress(f"examining {each}")
        findings += _examined(storage, settings, mending, each)
    if name is None:
        findings += check_states_of_others(storage, settings, mending)
    return Report(stored, examined, findings)


def _other_schema(mending: Mending, stored: str | None, own: str) -> Finding:
    """Say that tables are older or newer; they are never changed here."""
    where = "the storage"
    if stored is None:
        what, remedy = (
            "it has no tables of foldsweep",
            "launch a sweep, or set FOLDSWEEP_STORAGE_URL",
        )
    elif stored > own:
        what = f"it has the schema {stored}, newer than this foldsweep's {own}"
        remedy = "use the foldsweep that made it"
    else:
        what = f"it has the schema {stored}, older than this foldsweep's {own}"
        remedy = (
            "end the workers of the older foldsweep and back the database up; any other command "
            "brings the tables up to date"
        )
    return mending.found("schema of another version", what, where, remedy=remedy)


def _examined(
    storage: Storage, settings: RuntimeSettings, mending: Mending, name: str
) -> list[Finding]:
    row = storage.sweeps.find(name)
    if row is None:
        return []  # Deleted meanwhile.
    if not NAME_PATTERN.fullmatch(name):
        # What comes from a database must not lead out of the home.
        return [mending.found("name of no sweep", "no sweep file has it", name, remedy="delete it")]
    try:
        case = Case(StoredSweep.of(storage, row, settings), mending)
    except InputError as error:
        remedy = "restore the database"
        return [mending.found("unreadable sweep file", str(error), name, remedy=remedy)]
    findings: list[Finding] = []
    try:
        for check in SWEEP_CHECKS:
            findings += check(case)
    finally:
        is_sent = case.close()
    return findings if is_sent else [*findings, _unsent(case)]


def _unsent(case: Case) -> Finding:
    return case.mending.found(
        "not sent yet",
        "what was mended in MLflow waits for it to answer",
        case.stored.folder / "outbox",
        remedy="see that MLflow answers, and run foldsweep doctor --fix",
    )
