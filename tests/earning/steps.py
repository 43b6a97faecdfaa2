"""What the tests of earning do again and again."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.conftest import NOW, Programme
from tests.factories import make_group_with_pot, make_person
from timecredits import ledger
from timecredits.access import Actor
from timecredits.earning.actions import create_activity
from timecredits.earning.models import Activity
from timecredits.people.models import Card, Person
from timecredits.people.queries import visible
from timecredits.programmes.models import Organisation

TODAY = NOW.date()
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Case:
    """A group with a pot, its leader, an activity, and a person whom the group knows."""

    session: Session
    programme: Programme
    group: Organisation
    leader: Actor
    activity: Activity
    person: Person

    @property
    def item(self) -> dict[str, object]:
        """An hour that the person gave today."""
        return {"activity_id": self.activity.id, "person_id": self.person.id, "minutes": 60, "given_on": TODAY}

    def left(self) -> int:
        """Give what is in the group's pot."""
        assert self.group.account_id is not None
        return ledger.balances(self.session, self.programme.id, [self.group.account_id])[self.group.account_id]

    def earned(self, person: Person | None = None) -> int:
        """Give what a person can spend."""
        person_id = (person or self.person).id
        return ledger.balance(self.session, self.programme.id, person_id, today=TODAY).available_minutes

    def number_of(self, person: Person) -> str:
        """Give the number of a person's card."""
        return self.session.scalars(select(Card.number).where(Card.person_id == person.id)).one()


def make_case(session: Session, programme: Programme, *, minutes: int = 600) -> Case:
    """Make it in the session's transaction."""
    group, leader = make_group_with_pot(session, programme.coordinator, minutes=minutes)
    activity = create_activity(session, leader, title="Gardening", now=NOW)
    return Case(session, programme, group, leader, activity, make_person(session, leader))


def knows(session: Session, leader: Actor, person_id: UUID) -> bool:
    """Tell whether a leader may see a person."""
    from_the_group = select(Person.id).where(Person.id == person_id, visible(leader))
    return session.scalar(from_the_group) is not None
