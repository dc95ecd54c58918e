"""Where a sweep is to be seen in MLflow's UI: its list of trials, their charts, its own page."""

from dataclasses import dataclass
from urllib.parse import urlencode

from mlruns_config.client import connect, explained
from mlruns_config.description.run_list import (
    IN_TRAINING_VIEW,
    experiment_tags,
    run_list_query,
)
from mlruns_config.description.sweep import SWEEP_PAGE, sweep_key
from mlruns_config.names import TAG_KEY, TAG_NOTE
from mlruns_config.settings import TrackingSettings
from spaces.errors import InputError


@dataclass(frozen=True)
class SweepLinks:
    """What follows the address of the UI."""

    runs: str
    """The list of trials, prepared."""
    charts: str
    """The same trials as charts."""
    page: str | None
    """What is known about the sweep as a whole; None as long as nobody has written it."""

    def at(self, url: str) -> "SweepLinks":
        """Give the whole links.

        Args:
            url: Of the UI, such as ``http://127.0.0.1:5000``.
        """
        base = url.rstrip("/")
        page = None if self.page is None else base + self.page
        return SweepLinks(base + self.runs, base + self.charts, page)


def find_sweep_links(settings: TrackingSettings, sweep: str, sweep_id: str) -> SweepLinks:
    """Look a sweep up, and prepare its list of trials where that was not done yet.

    Args:
        settings: The MLflow that has it.
        sweep: Its name, which is the experiment's.
        sweep_id: Its id in the storage.

    Raises:
        InputError: If MLflow has no such experiment, or it was deleted.
        UnavailableError: If MLflow does not answer.
    """
    client = connect(settings)
    from mlflow.exceptions import MlflowException

    try:
        found = client.get_experiment_by_name(sweep)
        if found is None or found.lifecycle_stage != "active":
            raise InputError(
                f"MLflow at {settings.shown_uri} has no experiment of the sweep {sweep!r}: launch "
                "the sweep again to go on, or ask foldsweep doctor."
            )
        for tag, value in experiment_tags(sweep).items():
            is_of_people = tag == TAG_NOTE and tag in found.tags
            if found.tags.get(tag) != value and not is_of_people:
                client.set_experiment_tag(found.experiment_id, tag, value)
        query = f"tags.`{TAG_KEY}` = '{sweep_key(sweep_id)}'"
        pages = client.search_runs([found.experiment_id], query, max_results=1)
    except MlflowException as error:
        raise explained(error, settings) from None
    place = f"/#/experiments/{found.experiment_id}/runs"
    page = None
    if pages:
        file = f"{pages[0].info.run_id}/artifacts/{SWEEP_PAGE.name}"
        page = f"{place}/{file}?{urlencode(IN_TRAINING_VIEW)}"
    return SweepLinks(
        runs=f"{place}?{run_list_query()}",
        charts=f"{place}?{run_list_query(charts=True)}",
        page=page,
    )
