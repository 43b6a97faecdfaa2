"""Two programmes for a long run: a town with many people, and another where prescriptions run out all the time."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import sessionmaker

from tests.conftest import NOW, make_programme
from tests.factories import actor_in, give_earned, make_fund, make_person, make_service_with_pot
from tests.faults.service import Town
from timecredits.access import Role
from timecredits.database import ProgrammeSession
from timecredits.ledger import JournalEntry
from timecredits.people.actions import create_key
from timecredits.people.models import Card
from timecredits.prescribing.actions import prescribe
from timecredits.prescribing.models import Prescription
from timecredits.programmes import actions as programmes
from timecredits.programmes.models import Organisation, OrganisationKind

EARNED = 4_000


def enlarge(town: Town, people: int) -> str:
    """Let many more people live in a town, so that nobody has hundreds of prescriptions. Give an auditor's key."""
    boss = town.programme.coordinator
    with town.programme.session() as session, session.begin():
        homes = {home.kind: home for home in session.scalars(select(Organisation))}
        worker = actor_in(boss, Role.WELLBEING_WORKER, homes[OrganisationKind.WELLBEING_SERVICE].id)
        group = homes[OrganisationKind.GROUP]
        fund = make_fund(session, boss, minutes=2 * people * EARNED)
        to = {"kind": "group", "id": group.id}
        programmes.allocate(session, boss, fund_id=fund.id, to=to, minutes=2 * people * EARNED, now=NOW)
        newcomers = [make_person(session, worker) for _ in range(people)]
        for person in newcomers:
            give_earned(session, group, person, EARNED)
        town.people += newcomers
        numbers = dict(session.execute(select(Card.person_id, Card.number)).all())
        town.cards[:] = [numbers[person.id] for person in town.people]
        town.before = set(session.scalars(select(JournalEntry.id)))
        _, key = create_key(session, boss, name="test", roles=[Role.AUDITOR], now=NOW)
    return key


class Elsewhere:
    """Another programme on the same server, where prescriptions run out all the time, for the sweep to end."""

    def __init__(self, sessions: sessionmaker[ProgrammeSession]) -> None:
        """Build it, committed."""
        self.programme = make_programme(sessions)
        with self.programme.session() as session, session.begin():
            _, self.worker, _ = make_service_with_pot(session, self.programme.coordinator, minutes=90_000)
            self.person = make_person(session, self.worker)

    def run_out(self, count: int) -> None:
        """Prescribe, two days ago and for that day only."""
        then = datetime.now(UTC) - timedelta(days=2)
        with self.programme.session() as session, session.begin():
            for _ in range(count):
                asked = {"person_id": self.person.id, "minutes": 1, "expires_on": then.date()}
                prescribe(session, self.worker, **asked, now=then)

    def count(self, *, ended: bool) -> int:
        """Count the prescriptions that have been ended, or have not."""
        has_ended = Prescription.ended_at.is_not(None) if ended else Prescription.ended_at.is_(None)
        with self.programme.session() as session, session.begin():
            return session.scalar(select(func.count()).select_from(Prescription).where(has_ended)) or 0
