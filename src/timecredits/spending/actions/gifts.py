"""Giving earned credits away: to a person, to a group, or to the community pot."""

from datetime import datetime
from typing import Literal, TypedDict
from uuid import UUID

from sqlalchemy.orm import Session

from timecredits import audit, ledger
from timecredits.access import Actor, Permission
from timecredits.database import new_id
from timecredits.errors import Refused
from timecredits.ledger import EntryKind, EntryRequest, TransferKind
from timecredits.people import queries as people
from timecredits.people.models import Person
from timecredits.programmes import queries as programmes
from timecredits.programmes.models import OrganisationKind, Programme
from timecredits.spending.actions.cards import holder_of
from timecredits.spending.models import Gift


class GiverNeeded(Refused):
    """Somebody who gives for others says for whom."""

    title = "Whose credits are given?"
    words = "Say whose credits are to be given."
    explanation = "A person's own key gives that person's credits. With another key, name the giver: `from_person_id`."


class GiftToSelf(Refused):
    """A gift goes to somebody else."""

    title = "A gift to oneself"
    words = "A gift goes to somebody else."
    explanation = "The giver and the receiver are the same person. Nothing was moved."


class Destination(TypedDict):
    """Where a donation goes. The community pot has no id."""

    kind: Literal["group", "community"]
    id: UUID | None


def give(
    session: Session,
    actor: Actor,
    *,
    minutes: int,
    from_person_id: UUID | None = None,
    to_person_id: UUID | None = None,
    to_card_number: str | None = None,
    now: datetime,
) -> Gift:
    """Give earned minutes to a person whom the giver may see, or whose card number they were told.

    Raises Forbidden, NotFound, GiverNeeded, UnknownCard, GiftToSelf, InsufficientCredits, AccountClosed.
    """
    giver = _giver(session, actor, from_person_id)
    if to_person_id is not None:
        assert to_card_number is None
        receiver = people.person(session, actor, to_person_id)
    else:
        assert to_card_number is not None
        receiver = people.find_person(session, actor, holder_of(session, actor, to_card_number))
    if receiver.id == giver.id:
        raise GiftToSelf
    gift = Gift(from_person_id=giver.id, to_person_id=receiver.id, minutes=minutes)
    return _post(session, actor, gift, source_id=giver.earned_account_id, target_id=receiver.earned_account_id, now=now)


def donate(
    session: Session,
    actor: Actor,
    *,
    to: Destination,
    minutes: int,
    from_person_id: UUID | None = None,
    now: datetime,
) -> Gift:
    """Give earned minutes to a group's pot or to the community pot.

    Raises Forbidden, NotFound, GiverNeeded, InsufficientCredits, AccountClosed.
    """
    giver = _giver(session, actor, from_person_id)
    if to["kind"] == "community":
        account_id = session.get_one(Programme, actor.programme_id).community_account_id
    else:
        assert to["id"] is not None
        group = programmes.find_organisation(session, actor, to["id"], kinds={OrganisationKind.GROUP})
        assert group.account_id is not None
        account_id = group.account_id
    gift = Gift(from_person_id=giver.id, to_organisation_id=to["id"], minutes=minutes)
    return _post(session, actor, gift, source_id=giver.earned_account_id, target_id=account_id, now=now)


def _giver(session: Session, actor: Actor, from_person_id: UUID | None) -> Person:
    """Give whose credits they are: the person's own, or for a worker those of a person whom they may see."""
    actor.require(Permission.GIVE)
    giver_id = from_person_id or actor.person_id
    if giver_id is None:
        raise GiverNeeded
    return people.person(session, actor, giver_id)


def _post(session: Session, actor: Actor, gift: Gift, *, source_id: UUID, target_id: UUID, now: datetime) -> Gift:
    """Move the minutes and write the gift down."""
    today = actor.today(now)
    kind = TransferKind.DONATE if gift.to_person_id is None else TransferKind.GIFT
    movement = ledger.movement(kind, source_id, target_id, gift.minutes)
    request = EntryRequest(EntryKind(kind.value), actor.id, today, (movement,))
    posted = ledger.post_one(session, actor.programme_id, request, now=now, today=today)
    gift.programme_id, gift.id = actor.programme_id, new_id()
    gift.entry_id, gift.given_by, gift.given_at = posted.entry_id, actor.id, posted.recorded_at
    session.add(gift)
    audit.record(session, actor, action=kind.value, subject_id=gift.id, now=now)
    session.flush()
    return gift
