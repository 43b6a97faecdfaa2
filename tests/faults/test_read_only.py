"""A database that only reads, or not even that: refusals are clean, reading goes on, and it recovers by itself."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import select

from tests.attacks.scene import READS, unchanged
from tests.faults.effects import KINDS, Effects, ids, new_key
from tests.faults.own_service import WRITTEN, OwnService, assert_refused, own_service
from tests.faults.service import OwnDatabase, until
from timecredits import embedded
from timecredits.people.models import Card
from timecredits.settings import Settings


@pytest.fixture(scope="module")
def service(database: OwnDatabase, settings: Settings) -> Iterator[OwnService]:
    # A statement times out before a lock does.
    waits = {"statement_timeout_milliseconds": 500, "lock_timeout_milliseconds": 60_000}
    with own_service(database, settings, **waits) as made:
        yield made


@contextmanager
def read_only(service: OwnService) -> Iterator[None]:
    """Let the server refuse to write, as a standby does and one that somebody has taken out of service."""
    try:
        change(service, "SET default_transaction_read_only = on", "on")
        yield
    finally:
        change(service, "RESET default_transaction_read_only", "off")


def change(service: OwnService, what: str, seen: str) -> None:
    service.as_superuser(f"ALTER SYSTEM {what}", "SELECT pg_reload_conf()")
    until(lambda: service.as_superuser("SHOW default_transaction_read_only") == seen, "it did not take effect")


def test_while_the_database_is_read_only_nothing_is_written_and_all_goes_on_afterwards(
    service: OwnService, chance: Random, rounds: int
) -> None:
    for _ in range(rounds):
        with read_only(service):
            keys = service.assert_refuses_cleanly(chance)
            # It can be reached and read, which is all that is asked.
            assert service.get("/readyz").status_code == 200
        service.assert_goes_on(keys, chance)


def test_when_the_role_may_not_write_one_table_nothing_is_half_written_and_a_grant_is_enough(
    service: OwnService, chance: Random, rounds: int
) -> None:
    @contextmanager
    def may_not_write(kind: str) -> Iterator[None]:
        table = chance.choice((*WRITTEN, kind))
        service.as_superuser(f"REVOKE INSERT ON {table} FROM {embedded.APPLICATION}")
        try:
            yield
        finally:
            service.as_superuser(f"GRANT INSERT ON {table} TO {embedded.APPLICATION}")

    service.assert_bears(may_not_write, chance, times=5 * rounds)


def test_when_the_server_takes_no_more_connections_the_client_is_asked_to_come_back(
    service: OwnService, chance: Random
) -> None:
    keys = {kind: [new_key(chance)] for kind in KINDS}
    service.hang_up()
    service.as_superuser(f"ALTER ROLE {embedded.APPLICATION} CONNECTION LIMIT 0")
    try:
        for kind, (key,) in keys.items():
            assert_refused(Effects(service.scene, kind).send(key), "database_unavailable")
        for request in READS:
            assert_refused(service.scene.send(request), "database_unavailable")
        assert_refused(service.get("/readyz"), "not_ready")
        assert service.get("/healthz").status_code == 200
    finally:
        service.as_superuser(f"ALTER ROLE {embedded.APPLICATION} CONNECTION LIMIT -1")
    service.assert_goes_on(keys, chance)


def test_connections_that_there_are_go_on_when_the_server_takes_no_more(service: OwnService, chance: Random) -> None:
    effects = Effects(service.scene, "gift")
    effects.one(chance)
    service.as_superuser(f"ALTER ROLE {embedded.APPLICATION} CONNECTION LIMIT 0")
    try:
        answers = [effects.send(new_key(chance)) for _ in range(3)]
    finally:
        service.as_superuser(f"ALTER ROLE {embedded.APPLICATION} CONNECTION LIMIT -1")
    assert [answer.status_code for answer in answers] == [201] * 3
    effects.assert_once([answer.json()["id"] for answer in answers])


def test_when_an_administrator_ends_the_connections_one_answer_is_lost_at_most(
    service: OwnService, chance: Random
) -> None:
    effects = Effects(service.scene, "gift")
    with ThreadPoolExecutor(2) as pool:
        assert {one.status_code for one in pool.map(effects.send, [new_key(chance) for _ in range(4)])} == {201}
    whole, before, key = effects.one(chance), effects.rows(), new_key(chance)
    service.as_superuser(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{embedded.APPLICATION}'"
    )
    answer = effects.send(key)
    if answer.status_code != 201:
        assert_refused(answer, "database_unavailable")
        answer = effects.send(key)
    assert answer.status_code == 201, answer.text
    assert effects.rows() == before + whole
    effects.assert_once(ids(answer))


def test_a_statement_that_takes_too_long_is_given_up_and_happens_once_later(
    service: OwnService, chance: Random
) -> None:
    till = Effects(service.scene, "redemption")
    whole, key, programme = till.one(chance), new_key(chance), service.scene.world.api.programme
    with unchanged(service.scene.world), programme.session() as session, session.begin():
        person = Card.person_id == UUID(service.scene.ids["person_id"])
        session.execute(select(Card.id).where(Card.programme_id == programme.id, person).with_for_update()).one()
        for _ in range(2):
            assert_refused(till.send(key), "busy")
    before = till.rows()
    again = till.send(key)
    assert again.status_code == 201
    assert till.rows() == before + whole
    till.assert_once(ids(again))
