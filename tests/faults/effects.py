"""A request of each kind that moves credits, and how to see that it happened wholly, not at all, and once."""

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import text

from tests.api.conftest import make_api, make_world
from tests.attacks.scene import Request, Scene, earn, make_scene
from tests.conftest import NOW, Programme
from tests.factories import PIN
from timecredits import ledger
from timecredits.schema import METADATA

# One minute each, so that one account pays for it and every request of a kind leaves as many rows as the next.
_TILL = {"venue_id": "<venue_id>", "minutes": 1, "card_number": "<card_number>", "pin": PIN}
_GIFT = {"from_person_id": "<person_id>", "to_person_id": "<friend_id>", "minutes": 1}
_GIVEN = {"activity_id": "<activity_id>", "person_id": "<person_id>", "minutes": 1, "given_on": f"{NOW:%Y-%m-%d}"}
KINDS = {
    "redemption": Request("POST", "/v1/redemptions", "venue_staff", _TILL),
    "gift": Request("POST", "/v1/gifts", "wellbeing_worker", _GIFT),
    "contribution": Request("POST", "/v1/contributions/batch", "group_leader", {"items": [_GIVEN] * 3}),
    "prescription": Request(
        "POST", "/v1/prescriptions", "wellbeing_worker", {"person_id": "<friend_id>", "minutes": 1}
    ),
}
READ = Request("GET", "/v1/people/<person_id>/balance", "group_leader")
_MUCH = 40_000

# How many rows of each table there are, and how often accounts have changed.
Rows = Counter[str]


def make_rich_scene(http: Any, programme: Programme) -> Scene:
    """Give a scene with minutes enough for long runs."""
    scene = make_scene(make_world(make_api(http, programme)))
    to = {"kind": "group", "id": scene.ids["group_id"]}
    body = {"fund_id": scene.ids["fund_id"], "to": to, "minutes": _MUCH}
    scene.world.api.made("/v1/allocations", body, as_="coordinator")
    earn(scene.world, scene.ids["person_id"], _MUCH // 2)
    # The first prescription also makes the service and the person known to each other.
    assert scene.send(KINDS["prescription"]).status_code == 201
    return scene


def new_key(chance: Random) -> str:
    """Make an idempotency key."""
    return f"{chance.getrandbits(128):032x}"


def ids(answer: Any) -> list[str]:
    """Give the ids that an answer acknowledges."""
    told = answer.json()
    return [item["id"] for item in told.get("items", [told])]


@dataclass(frozen=True)
class Effects:
    """What one kind of request leaves in a programme. The programme is read past the service."""

    scene: Scene
    kind: str

    def send(self, key: str, **more: Any) -> Any:
        """Send the request."""
        return self.scene.send(KINDS[self.kind], idempotency_key=key, **more)

    def rows(self) -> Rows:
        """Count everything in one statement, which is in one moment."""
        programme = self.scene.world.api.programme
        tables = sorted(METADATA.tables.keys() - {"programme"})
        counts = {name: f"(SELECT count(*) FROM {name} WHERE programme_id = :id) AS {name}" for name in tables}
        counts["versions"] = "(SELECT sum(version) FROM account WHERE programme_id = :id) AS versions"
        with programme.session() as session, session.begin():
            found = session.execute(text("SELECT " + ", ".join(counts.values())), {"id": programme.id}).one()
        return Counter({name: int(number) for name, number in found._mapping.items()})

    def one(self, chance: Random) -> Rows:
        """Let it happen once without any fault, and say which rows that makes."""
        before = self.rows()
        answer = self.send(new_key(chance))
        assert answer.status_code in {200, 201}, answer.text
        made = self.rows() - before
        assert made["journal_entry"] >= 1
        return made

    def happened(self, before: Rows, whole: Rows) -> bool:
        """Say whether it has happened since, which it has wholly or not at all."""
        now = self.rows()
        assert now in (before, before + whole), now - before
        return now != before

    def assert_once(self, acknowledged: list[str]) -> None:
        """Assert that each of these is there, none is two requests' own, and the ledger agrees with itself."""
        programme = self.scene.world.api.programme
        assert len(set(acknowledged)) == len(acknowledged)
        with programme.session() as session, session.begin():
            found = session.scalars(
                text(f"SELECT entry_id FROM {self.kind} WHERE programme_id = :programme_id AND id = ANY(:ids)"),
                {"programme_id": programme.id, "ids": [UUID(one) for one in acknowledged]},
            ).all()
            assert len(set(found)) == len(acknowledged)
        with programme.session() as session, session.begin():
            checked = ledger.check(session, programme.id, now=NOW)
            assert checked.consistent, checked.first_disagreement
        with programme.session() as session, session.begin():
            assert sum(ledger.trial_balance(session, programme.id).values()) == 0
