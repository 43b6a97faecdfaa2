"""`timecredits programmes`: start a programme, list them."""

from enum import StrEnum
from typing import Annotated
from zoneinfo import available_timezones

import typer

from timecredits.access import Role
from timecredits.cli.opening import Stop, now, open_database, plainly, programme_session
from timecredits.database import new_id
from timecredits.people import actions as people
from timecredits.programmes import actions, queries
from timecredits.programmes.models import CODE


class Unspent(StrEnum):
    """What becomes of prescribed credits that expire: they go back to their pot, or lapse."""

    RETURN = "return"
    LAPSE = "lapse"


app = typer.Typer(help="Start a programme, list them.", no_args_is_help=True)


@app.command()
def create(
    code: Annotated[str, typer.Argument(help="Short and lasting: 2 to 20 lower-case letters and digits.")],
    name: Annotated[str, typer.Argument(help="What people call it.")],
    time_zone: Annotated[str, typer.Option(help="Where its days begin and end.")] = "Europe/London",
    unspent: Annotated[Unspent, typer.Option(help="What becomes of prescribed credits that expire.")] = Unspent.RETURN,
) -> None:
    """Start a programme, and print its first coordinator's key, which is shown this once."""
    with plainly(), open_database() as opened:
        if CODE.fullmatch(code) is None:
            raise Stop("A programme's code is 2 to 20 lower-case letters and digits, and begins with a letter.")
        if time_zone not in available_timezones():
            raise Stop(f"There is no time zone {time_zone}; one is Europe/London.")
        programme_id = new_id()
        with programme_session(opened, programme_id) as session, session.begin():
            programme, coordinator = actions.create_programme(
                session,
                code=code,
                name=name,
                time_zone=time_zone,
                expired_credits_return=unspent is Unspent.RETURN,
                now=now(),
            )
            _, key = people.create_key(
                session,
                coordinator,
                name="first coordinator",
                roles=[Role.COORDINATOR],
                owner_id=coordinator.id,
                now=now(),
            )
        typer.echo(f"programme: {programme.code}")
        typer.echo(f"{Role.COORDINATOR.value}: {key}")


@app.command("list")
def list_programmes() -> None:
    """List all programmes: code, name, time zone."""
    with plainly(), open_database() as opened, opened.sessions.begin() as session:
        for programme in queries.programmes(session):
            typer.echo(f"{programme.code}\t{programme.name}\t{programme.time_zone}")
