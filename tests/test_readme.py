"""The README says what is so: its settings, its files and its links."""

import re
from pathlib import Path

from timecredits.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_every_setting_stands_in_the_table_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `TIMECREDITS_(\w+)` \| (.*) \|$", README, re.MULTILINE))
    rows.pop("TEST_DATABASE_URL")
    assert rows.keys() == {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        description, default = rows[name.upper()].split(" | ")
        assert description == field.description
        assert default.strip() == ("" if field.default is None else f"`{field.default}`")


def test_every_file_that_the_readme_names_is_there() -> None:
    named = [*re.findall(r"`((?:src|docs|openapi|tests)/[\w/.]*)`", README), "CHANGELOG.md", "LICENSE", "Dockerfile"]
    assert len(named) > 5
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_decision_is_listed_and_every_listed_one_is_there() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\S+\.md)\)", (folder / "README.md").read_text())
    assert sorted(listed) == sorted(path.name for path in folder.glob("*.md") if path.name != "README.md")
