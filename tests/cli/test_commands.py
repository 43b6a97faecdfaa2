"""Commands on a PostgreSQL of one's own."""

import re
import secrets
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, text

from tests.cli.conftest import Run, environment
from tests.conftest import NOW, Programme, Server
from tests.factories import make_person, make_service_with_pot
from timecredits import schema
from timecredits.main import create_app
from timecredits.prescribing import actions as prescribing
from timecredits.settings import Settings


def is_one_plain_sentence(output: str) -> bool:
    return len(output.strip().splitlines()) == 1 and "Traceback" not in output


def test_a_new_programmes_key_opens_the_api(run: Run, settings: Settings) -> None:
    code = "c" + secrets.token_hex(6)
    made = run("programmes", "create", code, "Examplethorpe")
    assert made.returncode == 0, made.stderr
    key = re.search(r"^coordinator: (tc_\S+)$", made.stdout, re.MULTILINE)[1]
    with TestClient(create_app(settings)) as http:
        assert http.get("/v1/me", headers={"Authorization": f"Bearer {key}"}).json()["roles"] == ["coordinator"]
    again = run("programmes", "create", code, "Again")
    assert (again.returncode, is_one_plain_sentence(again.stderr)) == (1, True)
    assert code in run("programmes", "list").stdout


def test_keys_are_made_listed_and_revoked(run: Run, programme: Programme) -> None:
    made = run("keys", "create", "--programme", programme.code, "--role", "auditor", "--name", "An auditor")
    key_id = re.search(r"^id: (\S+)$", made.stdout, re.MULTILINE)[1]
    assert re.search(r"^auditor: tc_", made.stdout, re.MULTILINE)
    assert f"{key_id}\tauditor\tAn auditor\tworks" in run("keys", "list", "-p", programme.code).stdout
    assert run("keys", "revoke", "-p", programme.code, key_id).returncode == 0
    assert f"{key_id}\tauditor\tAn auditor\trevoked" in run("keys", "list", "-p", programme.code).stdout


def test_a_key_for_nobody_is_refused_in_a_plain_sentence(run: Run, programme: Programme) -> None:
    made = run("keys", "create", "-p", programme.code, "--role", "person")
    assert (made.returncode, is_one_plain_sentence(made.stderr)) == (1, True)
    unknown = run("keys", "list", "-p", "nosuch")
    assert (unknown.returncode, is_one_plain_sentence(unknown.stderr)) == (1, True)


def test_the_sweep_expires_what_is_due(run: Run, programme: Programme) -> None:
    with programme.session() as session, session.begin():
        _, worker, _ = make_service_with_pot(session, programme.coordinator)
        person = make_person(session, worker)
    with programme.session() as session, session.begin():
        prescribing.prescribe(
            session, worker, person_id=person.id, minutes=60, expires_on=NOW.date() + timedelta(days=1), now=NOW
        )
    assert f"{programme.code}: 1 expired" in run("sweep").stdout
    assert f"{programme.code}: 0 expired" in run("sweep").stdout


def test_verify_names_the_first_disagreement_and_exits_with_1(run: Run, programme: Programme, server: Server) -> None:
    with programme.session() as session, session.begin():
        make_service_with_pot(session, programme.coordinator)
    good = run("verify", "-p", programme.code)
    assert (good.returncode, "consistent" in good.stdout) == (0, True)
    engine = create_engine(server.admin)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        edited = connection.scalar(
            text("UPDATE transfer SET minutes = minutes + 1 WHERE programme_id = :id RETURNING entry_id"),
            {"id": programme.id},
        )
    engine.dispose()
    bad = run("verify", "-p", programme.code)
    assert bad.returncode == 1
    assert str(edited) in bad.stdout


def test_the_demonstration_is_not_loaded_into_ones_own_database_by_itself(run: Run) -> None:
    refused = run("demo")
    assert (refused.returncode, is_one_plain_sentence(refused.stderr)) == (1, True)
    assert "--yes" in refused.stderr


@pytest.mark.parametrize("who", ["admin", "owner"])
def test_serve_refuses_a_role_that_could_get_around_the_walls(
    run: Run, server: Server, own_server: dict[str, str], who: str
) -> None:
    url = getattr(server, who).render_as_string(hide_password=False)
    refused = run("serve", env=own_server | {"TIMECREDITS_DATABASE_URL": url, "TIMECREDITS_PORT": "0"})
    assert (refused.returncode, is_one_plain_sentence(refused.stderr)) == (1, True)
    assert "superuser" in refused.stderr


def test_a_database_out_of_reach_is_one_plain_sentence(run: Run, own_server: dict[str, str]) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    for command in (("serve",), ("verify",), ("migrate",), ("programmes", "list")):
        env = own_server | {"TIMECREDITS_DATABASE_URL": nowhere, "TIMECREDITS_OWNER_DATABASE_URL": nowhere}
        refused = run(*command, env=env)
        assert (refused.returncode, is_one_plain_sentence(refused.stderr)) == (1, True), refused.stderr


def test_a_missing_or_short_secret_is_one_plain_sentence(run: Run, own_server: dict[str, str]) -> None:
    for value in ("", "short"):
        refused = run("verify", env=own_server | {"TIMECREDITS_SECRET_KEY": value})
        assert (refused.returncode, is_one_plain_sentence(refused.stderr)) == (1, True)
        assert "TIMECREDITS_SECRET_KEY" in refused.stderr


def test_a_database_newer_than_the_code_is_one_plain_sentence(
    run: Run, server: Server, own_server: dict[str, str]
) -> None:
    name = f"tc_newer_{secrets.token_hex(4)}"
    admin = create_engine(server.admin, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} OWNER {server.owner.username}"))
    owner = server.owner.set(database=name)
    schema.migrate(owner.render_as_string(hide_password=False), application_role=server.application.username)
    newer = create_engine(server.admin.set(database=name))
    with newer.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from_the_future'"))
    newer.dispose()
    env = own_server | {
        "TIMECREDITS_DATABASE_URL": server.application.set(database=name).render_as_string(hide_password=False),
        "TIMECREDITS_OWNER_DATABASE_URL": owner.render_as_string(hide_password=False),
    }
    for command in ("serve", "migrate", "verify"):
        refused = run(command, env=env)
        assert (refused.returncode, is_one_plain_sentence(refused.stderr)) == (1, True), refused.stderr
        assert "newer" in refused.stderr
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def test_an_empty_database_says_to_migrate_first(run: Run, server: Server, own_server: dict[str, str]) -> None:
    name = f"tc_empty_{secrets.token_hex(4)}"
    admin = create_engine(server.admin, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} OWNER {server.owner.username}"))
    env = own_server | {
        "TIMECREDITS_DATABASE_URL": server.application.set(database=name).render_as_string(hide_password=False),
        "TIMECREDITS_OWNER_DATABASE_URL": server.owner.set(database=name).render_as_string(hide_password=False),
    }
    refused = run("serve", env=env)
    assert (refused.returncode, is_one_plain_sentence(refused.stderr)) == (1, True)
    assert "migrate" in refused.stderr
    assert run("migrate", env=env).returncode == 0
    assert run("migrate", env=env).returncode == 0
    assert run("programmes", "list", env=env).returncode == 0
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def test_a_port_that_is_not_a_port_is_one_plain_sentence(run: Run) -> None:
    refused = run("serve", env=environment(PORT="no"))
    assert (refused.returncode, is_one_plain_sentence(refused.stderr)) == (1, True)
    assert "TIMECREDITS_PORT" in refused.stderr
