"""`timecredits keys`: make, list and revoke keys."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from timecredits.access import Role
from timecredits.cli.opening import now, open_database, operator, plainly, programme_session
from timecredits.people import actions, queries

app = typer.Typer(help="Make, list and revoke keys.", no_args_is_help=True)

Code = Annotated[str, typer.Option("--programme", "-p", help="The programme's code.")]
_PAGE = 200


@app.command()
def create(
    *,
    programme: Code,
    role: Annotated[list[Role], typer.Option(help="What the key may do; give it again for another role.")],
    name: Annotated[str, typer.Option(help="Who or what uses it.")] = "made on the command line",
    organisation: Annotated[UUID | None, typer.Option(help="Where the role is held.")] = None,
    person: Annotated[UUID | None, typer.Option(help="Whom a person's key acts for; whose another is.")] = None,
    continues: Annotated[UUID | None, typer.Option(help="The id of an earlier key, whose owner goes on.")] = None,
    expires: Annotated[datetime | None, typer.Option(help="When it stops working, UTC.")] = None,
) -> None:
    """Make a key and print it. It is shown this once: only its hash is kept."""
    with plainly(), open_database() as opened:
        found = opened.programme(programme)
        with programme_session(opened, found.id) as session, session.begin():
            made, key = actions.create_key(
                session,
                operator(found),
                name=name,
                roles=role,
                organisation_id=organisation,
                person_id=person,
                continues=continues,
                expires_at=expires.replace(tzinfo=UTC) if expires else None,
                now=now(),
            )
        typer.echo(f"id: {made.id}")
        typer.echo(f"{', '.join(sorted(role))}: {key}")


@app.command("list")
def list_keys(programme: Code) -> None:
    """List a programme's keys: id, roles, name, and whether they still work."""
    with plainly(), open_database() as opened:
        found = opened.programme(programme)
        after = None
        with programme_session(opened, found.id) as session, session.begin():
            while page := queries.keys(session, operator(found), after=after, limit=_PAGE):
                for key in page:
                    state = "revoked" if key.revoked_at else "expired" if _is_past(key.expires_at) else "works"
                    typer.echo(f"{key.id}\t{','.join(key.roles)}\t{key.name}\t{state}")
                after = page[-1].id


@app.command()
def revoke(programme: Code, key_id: Annotated[UUID, typer.Argument(help="The key's id.")]) -> None:
    """Make a key useless from the next request on."""
    with plainly(), open_database() as opened:
        found = opened.programme(programme)
        with programme_session(opened, found.id) as session, session.begin():
            actions.revoke_key(session, operator(found), key_id=key_id, now=now())
        typer.echo(f"{key_id} is revoked.")


def _is_past(moment: datetime | None) -> bool:
    return moment is not None and moment <= now()
