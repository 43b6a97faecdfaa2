"""Every table, and the migrations that make them."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, make_url, text

from timecredits import audit, ledger
from timecredits.database import Base
from timecredits.earning import models as earning
from timecredits.people import models as people
from timecredits.prescribing import models as prescribing
from timecredits.programmes import models as programmes
from timecredits.spending import models as spending
from timecredits.web import idempotency

# Imported for the tables that they define.
_WITH_TABLES = (programmes, ledger, people, prescribing, earning, spending, audit, idempotency)
METADATA = Base.metadata

# Beside the package when it was installed, at the top of the checkout when it is developed.
_INSTALLED = Path(__file__).parent / "migrations"
SCRIPTS = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parents[2] / "migrations"
# Any number will do, as long as it is always the same: two `migrate` at once take turns.
_MIGRATING = 7_153_200_517


class NewerDatabase(Exception):
    """The database has been migrated by newer code."""


def head() -> str:
    """Give the revision that this code needs."""
    revision = ScriptDirectory(str(SCRIPTS)).get_current_head()
    assert revision is not None
    return revision


def revision(connection: Connection) -> str | None:
    """Give the revision that the database is at, or None where it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def check_not_newer(found: str | None) -> None:
    """Raise NewerDatabase where this code does not know the revision."""
    known = {script.revision for script in ScriptDirectory(str(SCRIPTS)).walk_revisions()}
    if found is not None and found not in known:
        raise NewerDatabase


def migrate(owner_url: str, *, application_role: str, to: str = "head") -> None:
    """Bring the database up to date, as its owner; the application's role gets the rights that it needs, no more.

    Raises NewerDatabase, sqlalchemy.exc.OperationalError.
    """
    engine = create_engine(make_url(owner_url).set(drivername="postgresql+psycopg"))
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
            check_not_newer(revision(connection))
            config = Config()
            config.set_main_option("script_location", str(SCRIPTS))
            config.attributes["connection"] = connection
            config.attributes["application_role"] = application_role
            command.upgrade(config, to)
    finally:
        engine.dispose()


def analyse(owner_url: str) -> None:
    """Let the planner know what is in the tables now, as their owner: the application may not.

    Freshly filled tables have no statistics until autovacuum comes round, and plans made meanwhile are kept.
    """
    engine = create_engine(make_url(owner_url).set(drivername="postgresql+psycopg"))
    try:
        with engine.begin() as connection:
            connection.execute(text("ANALYZE " + ", ".join(sorted(METADATA.tables))))
    finally:
        engine.dispose()
