"""Optuna's own storage in our database, whose calls are made again when they fail."""

from collections.abc import Callable
from functools import partial
from typing import Any

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, RDBStorage, get_storage
from sqlalchemy import event

from search.storage.database import Database, engine_options, synchronise_normally
from search.storage.retrying import Retrying


def open_optuna_storage(database: Database) -> BaseStorage:
    """Open the storage of studies; its tables are made if they are not there.

    Its connections are closed with those of the database.

    Raises:
        OSError: If the database does not answer.
    """
    try:
        with database.exclusive("optuna"):
            rendered = database.url.render_as_string(hide_password=False)
            storage = RDBStorage(rendered, engine_kwargs=dict(engine_options(database.url)))
    except StorageInternalError as error:
        raise OSError(str(error.__cause__ or error)) from error
    if database.is_sqlite:
        # Under WAL this survives the death of a process; a commit costs 4 ms, not 10.
        event.listen(storage.engine, "connect", synchronise_normally)
        storage.engine.dispose()
    # Optuna closes its connections when its storage is collected as garbage, whenever that is.
    event.listen(database.engine, "engine_disposed", lambda _: storage.engine.dispose())
    # get_storage adds the cache, without which every suggestion loads every trial.
    return _retried(get_storage(storage), database.retrying)


def _retried(storage: BaseStorage, retrying: Retrying) -> BaseStorage:
    """Wrap every method of a storage, so that a call that fails is made again.

    Making a trial again would make two: for that one, whoever calls looks first whether the trial
    is there (:meth:`search.study.study.SweepStudy.begin`).
    """

    def method(name: str) -> Callable[..., Any]:
        inner = getattr(storage, name)

        def call(_self: BaseStorage, *args: Any, **kwargs: Any) -> Any:
            if name == "create_new_trial":
                return inner(*args, **kwargs)
            return retrying(partial(inner, *args, **kwargs))

        return call

    names = [name for name in dir(BaseStorage) if not name.startswith("_")]
    wrapped = type("RetryingStorage", (BaseStorage,), {name: method(name) for name in names})
    return wrapped()  # type: ignore[no-any-return]
