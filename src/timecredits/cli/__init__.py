"""The command line: serve, migrate, programmes, demo, keys, sweep, verify, export-openapi."""

import typer

from timecredits.cli import data, keys, programmes, running

app = typer.Typer(
    help="Time Credits: a ledger of hours given, prescribed and spent.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(running.serve)
app.command()(running.migrate)
app.command()(running.export_openapi)
app.add_typer(programmes.app, name="programmes")
app.add_typer(keys.app, name="keys")
app.command()(data.demo)
app.command()(data.sweep)
app.command()(data.verify)
