"""The migrations make exactly the tables that the code has, with their walls."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from tests.conftest import Server
from timecredits import schema


def test_the_migrations_and_the_models_agree(server: Server) -> None:
    engine = create_engine(server.owner)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), schema.METADATA)
    engine.dispose()
    assert differences == []


def test_there_is_one_way_forward_and_none_back() -> None:
    scripts = ScriptDirectory(str(schema.SCRIPTS))
    assert len(scripts.get_heads()) == 1
    assert all(not hasattr(script.module, "downgrade") for script in scripts.walk_revisions())


def test_every_table_of_a_programme_has_its_wall(server: Server) -> None:
    engine = create_engine(server.owner)
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                """
                SELECT relname, relrowsecurity AND relforcerowsecurity,
                       EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid)
                FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
                """
            )
        ).all()
    engine.dispose()
    walled = {name for name, is_forced, has_policy in rows if is_forced and has_policy}
    assert walled == {name for name, _, _ in rows} - {"programme", "alembic_version"}
    assert walled == set(schema.METADATA.tables) - {"programme"}


def test_every_key_of_a_programmes_table_begins_with_the_programme() -> None:
    for table in schema.METADATA.sorted_tables:
        if table.name == "programme":
            continue
        keys = [table.primary_key, *(found for found in table.constraints if hasattr(found, "elements"))]
        for key in keys:
            assert next(iter(key.columns)).name == "programme_id", key
        for index in table.indexes:
            assert index.columns[0].name == "programme_id", index
