"""A disk without space: what would be written is refused cleanly, what is there is read, and space is all it takes.

The server of these tests runs under a limit on the size of its files, as `ulimit -f` sets it: one table is filled up
to that, and the next row finds no page. PostgreSQL calls that an internal error (EFBIG: SQLSTATE XX000). What it says
of a disk that is full (ENOSPC: 53100) or broken (EIO: 58030), a trigger says for it at one table or another. Space
comes back as it does to an operator, by VACUUM. A disk that is full below the write-ahead log ends the server, which
is as good as a kill.
"""

import resource
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from random import Random

import psycopg
import pytest

from tests.faults.own_service import WRITTEN, OwnService, own_service
from tests.faults.service import own_database
from timecredits.settings import Settings

# As much as one file of the write-ahead log, which must have room.
LARGEST_FILE = 16 * 2**20
# Rows of nobody's programme, large ones and then as small as they come, until not even the smallest finds room.
FILLING = {
    "audit_event": "'{id}', gen_random_uuid(), '{id}', '', '{id}', ARRAY[repeat('x', {size})], now()",
    "idempotency_key": "'{id}', gen_random_uuid(), repeat('x', {size})::bytea, '', 1, '', NULL, '{{}}', now()",
}
LARGE, SMALL, MANY = 1_500, 0, 200_000
NOBODY = "00000000-0000-0000-0000-000000000000"
# Each kind writes its own table besides.
STATES = {
    "disk_full": "53100",
    "out_of_memory": "53200",
    "configuration_limit_exceeded": "53400",
    "io_error": "58030",
    "internal_error": "XX000",
}


@contextmanager
def small_files() -> Iterator[None]:
    """Let every program that is started meanwhile write no large file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def service(settings: Settings) -> Iterator[OwnService]:
    with ExitStack() as stack:
        with small_files():
            database = stack.enter_context(own_database())
        made = stack.enter_context(own_service(database, settings))
        for table in FILLING:
            # What is filled in vain must stay until the tests make room.
            made.as_superuser(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        yield made


@contextmanager
def full(service: OwnService, table: str) -> Iterator[None]:
    """Take all the room that a table's file may have. No row stays, and the room stays taken until a VACUUM."""
    try:
        for size, count in ((LARGE, MANY), (SMALL, MANY), (SMALL, 1)):
            values = FILLING[table].format(id=NOBODY, size=size)
            with pytest.raises(psycopg.Error, match="File too large"):
                service.as_superuser(
                    "SET session_replication_role = replica",
                    f"INSERT INTO {table} SELECT {values} FROM generate_series(1, {count})",
                )
        # Each connection keeps a page of its own in mind, in which there is some room left.
        service.hang_up()
        yield
    finally:
        service.as_superuser(f"VACUUM {table}")


@pytest.mark.parametrize("table", FILLING)
def test_when_a_table_is_full_nothing_is_half_written_and_all_goes_on_when_there_is_room(
    table: str, service: OwnService, chance: Random
) -> None:
    with full(service, table):
        keys = service.assert_refuses_cleanly(chance)
        # It can be reached and read, which is all that is asked.
        assert service.get("/readyz").status_code == 200
    service.assert_goes_on(keys, chance)


@contextmanager
def failing(service: OwnService, table: str, state: str) -> Iterator[None]:
    """Let the server say at each row of a table that it cannot."""
    service.as_superuser(
        "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}', MESSAGE = 'could not extend file'; END $$",
        f"CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION fail()",
    )
    try:
        yield
    finally:
        service.as_superuser(f"DROP TRIGGER fail ON {table}")


@pytest.mark.parametrize("state", STATES)
def test_whatever_the_server_lacks_at_whichever_table_is_a_refusal_and_happens_once_when_it_has_it(
    state: str, service: OwnService, chance: Random, rounds: int
) -> None:
    def fails(kind: str) -> AbstractContextManager[None]:
        return failing(service, chance.choice((*WRITTEN, "account", kind)), STATES[state])

    service.assert_bears(fails, chance, times=5 * rounds)
