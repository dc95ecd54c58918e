"""What the registry holds: models with their versions, aliases and history."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlruns_config.registry.alias_moves import AliasMove, moves_of
from mlruns_config.registry.registry import ABSENT, registry, version_of
from mlruns_config.registry.versions import Version
from mlruns_config.settings import TrackingSettings
from spaces.errors import InputError, unknown_name

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel

_PAGE = 200


@dataclass(frozen=True)
class ListedModel:
    """A registered model as it was when it was read."""

    name: str
    aliases: Mapping[str, int]
    versions: tuple[Version, ...]
    """Those that nobody has deleted, the newest first."""
    moves: tuple[AliasMove, ...]
    """Of its aliases, the oldest first."""

    def version(self, name: str) -> Version:
        """Find a version by its number or by an alias that it carries.

        Raises:
            InputError: If there is none.
        """
        number = int(name) if name.isdecimal() else self.aliases.get(name)
        for version in self.versions:
            if version.number == number:
                return version
        known = ", ".join([*(str(each.number) for each in self.versions), *self.aliases])
        raise InputError(f"{self.name} has no version {name!r}; known: {known or 'none'}.")

    def aliases_of(self, version: Version) -> list[str]:
        """Name the aliases that a version carries."""
        return sorted(alias for alias, number in self.aliases.items() if number == version.number)


def read_model(settings: TrackingSettings, name: str) -> ListedModel:
    """Read a registered model.

    Raises:
        InputError: If there is none of that name.
        UnavailableError: If MLflow does not answer.
    """
    with registry(settings) as client:
        from mlflow.exceptions import MlflowException

        try:
            return _listed(client, client.get_registered_model(name))
        except MlflowException as error:
            if error.error_code not in (ABSENT, "INVALID_PARAMETER_VALUE"):
                raise
        known = [model.name for model in _models(client)]
    if not known:
        raise InputError(
            f"there is no registered model {name!r}, nor any other. Promote a sweep first."
        )
    raise unknown_name("registered model", name, known)


def read_models(settings: TrackingSettings) -> list[ListedModel]:
    """Read all registered models, by their names.

    Raises:
        UnavailableError: If MLflow does not answer.
    """
    with registry(settings) as client:
        return [_listed(client, model) for model in _models(client)]


def _listed(client: "MlflowClient", model: "RegisteredModel") -> ListedModel:
    quote = '"' if "'" in model.name else "'"
    found = _all_pages(
        lambda token: client.search_model_versions(
            f"name={quote}{model.name}{quote}", max_results=_PAGE, page_token=token
        )
    )
    versions = sorted(map(version_of, found), key=lambda version: -version.number)
    aliases = {alias: int(number) for alias, number in sorted(model.aliases.items())}
    return ListedModel(model.name, aliases, tuple(versions), tuple(moves_of(model)))


def _models(client: "MlflowClient") -> Iterator["RegisteredModel"]:
    return _all_pages(
        lambda token: client.search_registered_models(max_results=_PAGE, page_token=token)
    )


def _all_pages(page: Callable[[str | None], Any]) -> Iterator[Any]:
    """Yield what MLflow gives page by page."""
    token: str | None = None
    while True:
        found = page(token)
        yield from found
        token = found.token
        if not token:
            return
