"""The import contracts hold, and each of them breaks when it should."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLANTED = {
    "Rooms import only what lies below them": ("ledger/judging.py", "import timecredits.people.models"),
    "Contexts know nothing of HTTP, HTML or wire formats": ("spending/actions/tills.py", "import fastapi"),
    "The ledger is imported through its front door": ("earning/queries.py", "import timecredits.ledger.posting"),
    "Within a context: actions, then queries, then models": ("people/models.py", "import timecredits.people.queries"),
}


def contracts(folder: Path) -> dict[str, str]:
    """Run the contracts on the sources in a folder, and give the verdict on each."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    program = "import sys; sys.path.insert(0, 'src'); from importlinter.cli import lint_imports_command as run; run()"
    ran = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )
    lines = [line.rsplit(maxsplit=1) for line in ran.stdout.splitlines() if line.endswith((" KEPT", " BROKEN"))]
    return {name.strip(): verdict for name, verdict in lines}


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_contracts_are_kept(copied: Path) -> None:
    assert contracts(copied) == dict.fromkeys(PLANTED, "KEPT")


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_import_breaks_its_contract(copied: Path, contract: str) -> None:
    file, line = PLANTED[contract]
    with (copied / "src" / "timecredits" / file).open("a") as source:
        source.write(f"\n{line}\n")
    assert contracts(copied)[contract] == "BROKEN"
