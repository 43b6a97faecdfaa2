"""A town to act in, and what is done there at once: each as an action that somebody may run in a transaction."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.conftest import NOW, Programme
from tests.faults.scheduler import Action
from tests.ledger.books import draws
from tests.spending.town import Town
from timecredits import ledger
from timecredits.errors import Conflict
from timecredits.ledger import EntryRequest, JournalEntry, TransferKind
from timecredits.people.models import Person
from timecredits.prescribing import actions as prescribing
from timecredits.prescribing.models import Prescription, WithdrawalReason
from timecredits.programmes import actions as programmes
from timecredits.programmes.actions.journal import ReversalReason
from timecredits.programmes.models import Programme as ProgrammeRow
from timecredits.spending import actions as spending
from timecredits.sweeping import BATCH, take_turn

TODAY = NOW.date()
TOMORROW = NOW + timedelta(days=1)


class Stage:
    """A town in a programme of its own, and what can be done in it."""

    def __init__(self, programme: Programme, session: Session) -> None:
        """Build the town."""
        self.programme, self.session = programme, session
        self.town = Town(programme).build(session)
        self.row = session.get_one(ProgrammeRow, programme.id)

    def person(self, *, earned: int) -> Person:
        return self.town.person(self.session, earned=earned)

    def prescription(self, person: Person, minutes: int, **more: Any) -> Prescription:
        """Prescribe what ends today."""
        return self.town.prescribe(self.session, person, minutes, until=TODAY, **more)

    def post(self, session: Session, request: EntryRequest) -> UUID:
        return ledger.post_one(session, self.row.id, request, now=NOW, today=TODAY).entry_id

    def hold(self, person: Person, minutes: int, *pots: UUID) -> Action:
        request = draws(TransferKind.HOLD, (*pots, person.earned_account_id), person.held_account_id, minutes)
        return lambda session: self.post(session, request)

    def once(self, follow: Callable[..., EntryRequest], person: Person, hold_id: object, **more: Any) -> Action:
        """Release or capture a hold. The person's row is locked for it, as the booking's will be."""

        def act(session: Session) -> str:
            session.execute(select(Person.id).where(Person.id == person.id).with_for_update())
            if session.scalar(select(JournalEntry.id).where(JournalEntry.correlation_id == hold_id)):
                raise Conflict
            request = follow(session, self.row.id, hold_id, actor_id=self.town.staff.id, effective_on=TODAY, **more)
            self.post(session, request)
            return "done"

        return act

    def spend(self, person: Person, minutes: int, **more: Any) -> Action:
        asked = {"minutes": minutes, "venue_id": self.town.venue.id, **more}
        return lambda session: self.town.redeem(session, person, **asked).minutes

    def withdraw(self, found: Prescription) -> Action:
        asked = {"prescription_id": found.id, "reason": WithdrawalReason.OTHER, "now": NOW}
        return lambda session: prescribing.withdraw(session, self.town.worker, **asked).ending

    def give(self, giver: Person, receiver: Person, minutes: int) -> Action:
        asked = {"from_person_id": giver.id, "to_person_id": receiver.id, "minutes": minutes, "now": NOW}
        return lambda session: spending.give(session, self.town.worker, **asked).minutes

    def sweep(self, session: Session) -> int:
        """End what is due, by a clock that shows the next day."""
        turn = take_turn(session, self.row)
        return prescribing.expire_due(session, programme=self.row, now=TOMORROW, limit=BATCH) if turn else 0

    def visit(self, person: Person, minutes: int) -> tuple[Action, Action]:
        """Have somebody redeem something, and give both ways to put that right: the venue's, the coordinator's."""
        made = self.town.redeem(self.session, person, minutes=minutes, venue_id=self.town.venue.id)
        reverse = {"entry_id": made.entry_id, "reason": ReversalReason.MISTAKE, "now": NOW}
        return (
            lambda session: spending.undo(session, self.town.staff, redemption_id=made.id, now=NOW).id,
            lambda session: programmes.reverse_entry(session, self.programme.coordinator, **reverse).kind,
        )
