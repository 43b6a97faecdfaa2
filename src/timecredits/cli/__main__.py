"""Run the command line as `python -m timecredits.cli`."""

from timecredits.cli import app

app()
