"""The version of the tables: made, brought up to date, or refused, by one process at a time."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from search.storage.database import Database
from spaces.errors import InputError

if TYPE_CHECKING:
    from alembic.config import Config

VERSION = "0003"
"""The newest migration in `search/storage/migrations/versions`."""
VERSION_TABLE = "foldsweep_schema"
_MIGRATIONS = Path(__file__).with_name("migrations")


def ensure_schema(database: Database) -> None:
    """Bring the tables to this version; what is stored in them stays.

    Raises:
        InputError: If the tables were made by another foldsweep, one that is newer, or one of
            before the first version.
    """
    if database.read(stored_version) == VERSION:
        return
    with database.exclusive("schema"):
        stored = database.read(stored_version)
        if stored is None and database.read(_has_tables):
            raise InputError(
                f"the storage {database.url.render_as_string()} was made by a foldsweep from "
                "before its first release and cannot be read: move it away, or set "
                "FOLDSWEEP_STORAGE_URL."
            )
        if stored is not None and stored > VERSION:
            raise InputError(
                f"the storage {database.url.render_as_string()} has the schema {stored}, which is "
                f"newer than this foldsweep's {VERSION}: use the foldsweep that made it."
            )
        if stored != VERSION:
            _upgrade(database)


def stored_version(connection: Connection) -> str | None:
    """Read the version of the tables; None if there are none, or they are of before versions."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))
    return None if found is None else str(found)


def _has_tables(connection: Connection) -> bool:
    return inspect(connection).has_table("foldsweep_sweeps")


def _upgrade(database: Database) -> None:
    from alembic import command

    def upgrade(connection: Connection) -> None:
        config = migration_config()
        config.attributes["connection"] = connection
        command.upgrade(config, VERSION)

    database.write(upgrade)


def migration_config() -> "Config":
    """Give Alembic's configuration; `attributes["connection"]` is the database to change."""
    from alembic.config import Config

    config = Config()
    # Alembic reads % as a reference to another option.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
