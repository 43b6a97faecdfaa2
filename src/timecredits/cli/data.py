"""`timecredits demo`, `sweep` and `verify`: what works on a programme's data."""

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from timecredits import ledger, schema, sweeping
from timecredits.cli.opening import Opened, Stop, now, open_database, plainly, programme_session
from timecredits.demo import Demonstration, build
from timecredits.programmes.models import Programme

_ERR = Console(stderr=True)


def demo(
    people: Annotated[int, typer.Option(min=12, max=1_000_000, help="How many people.")] = 200,
    months: Annotated[int, typer.Option(min=1, max=120, help="How many months up to today.")] = 3,
    seed: Annotated[int, typer.Option(help="The same seed gives the same programme.")] = 1,
    code: Annotated[str, typer.Option(help="The programme's code.")] = "demo",
    yes: Annotated[bool, typer.Option("--yes", help="Do it on a database of your own, too.")] = False,
) -> None:
    """Build a demonstration programme with invented names, by the actions that the service itself uses."""
    with plainly(), open_database() as opened:
        if not opened.is_embedded and not yes:
            raise Stop("This would add a demonstration programme to your own database: say --yes if you mean it.")
        demonstration = build_demo(opened, people=people, months=months, seed=seed, code=code)
        for line in demonstration.summary:
            typer.echo(line)
        for role, key in demonstration.keys.items():
            typer.echo(f"{role}: {key}")


def build_demo(opened: Opened, *, people: int, months: int, seed: int, code: str) -> Demonstration:
    """Build a demonstration programme with a progress bar, and let the planner know what is in the tables now."""
    with Progress(console=_ERR, transient=True) as bar:
        task = bar.add_task("Building the demonstration programme", total=None)
        made = build(
            opened.sessions,
            code=code,
            people=people,
            months=months,
            seed=seed,
            pin_key=opened.secret_key,
            now=now(),
            progress=lambda done, of: bar.update(task, completed=done, total=of),
        )
    if opened.settings.owner_database_url is not None:
        schema.analyse(opened.settings.owner_database_url.get_secret_value())
    return made


def sweep() -> None:
    """Expire what is due in every programme, and return it to where it came from."""
    with plainly(), open_database() as opened:
        for code, expired in sweeping.sweep_all(opened.sessions, now=now()).items():
            typer.echo(f"{code}: {expired} expired")


def verify(
    programme: Annotated[str | None, typer.Option("--programme", "-p", help="One programme only.")] = None,
) -> None:
    """Replay the whole ledger; name the first disagreement, and exit with 1 if there is one."""
    with plainly(), open_database() as opened:
        found = [opened.programme(programme)] if programme is not None else opened.programmes()
        results = [_verify(opened, each) for each in found]
        if not all(results):
            raise typer.Exit(1)


def _verify(opened: Opened, programme: Programme) -> bool:
    with Progress(console=_ERR, transient=True) as bar, programme_session(opened, programme.id) as session:
        task = bar.add_task(programme.code, total=None)
        with session.begin():
            result = ledger.check(
                session,
                programme.id,
                now=now(),
                progress=lambda name, done, of: bar.update(task, description=name, completed=done, total=of),
            )
        with session.begin():
            session.add(result)
    verdict = "consistent" if result.consistent else f"NOT consistent: {result.first_disagreement}"
    typer.echo(f"{programme.code}: {result.entries} entries, {result.accounts} accounts, {verdict}")
    return result.consistent
