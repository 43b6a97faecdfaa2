"""Recording the time that people give, and paying it from the group's pot."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NotRequired, TypedDict
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from timecredits import audit, ledger
from timecredits.access import Actor, Permission
from timecredits.bulk import add_many
from timecredits.database import new_id
from timecredits.earning.models import Activity, Contribution
from timecredits.errors import NotFound, Refused
from timecredits.ledger import EntryKind, EntryRequest, Posted, TransferKind
from timecredits.people.actions import UnknownCard, acquaint_each
from timecredits.people.actions.cards import normalise
from timecredits.people.models import Card, Person
from timecredits.people.queries import visible
from timecredits.programmes.models import Organisation

LONGEST_AGO = timedelta(days=366)


class ActivityClosed(Refused):
    """No more time is recorded for an activity that is closed."""

    title = "The activity is closed"
    words = "This activity is closed, so no more time can be recorded for it."
    explanation = "A leader of the group can open the activity again."


class DayNotRecordable(Refused):
    """Time is recorded after it was given, and not years later."""

    title = "Not on that day"
    words = "Time is recorded for today or a day in the past year."
    explanation = "`given_on` is the day on which the time was given: not in the future, and at most 366 days ago."


class OwnTime(Refused):
    """Nobody records their own time."""

    title = "Your own time"
    words = "Somebody else has to record the time that you gave."
    explanation = "Nobody is paid by themselves. Ask another leader of the group, or the coordinator."


class UnknownPerson(Refused):
    """One of many items names somebody whom the actor may not see."""

    title = "Unknown person"
    words = "There is nobody with this id whom you can see."
    explanation = "The id is wrong, or your group does not know this person yet. Use the number of their card instead."


class TimeGiven(TypedDict):
    """Minutes that somebody gave on a day. The person is named by an id or by the number of their card, not both."""

    activity_id: UUID
    person_id: NotRequired[UUID | None]
    card_number: NotRequired[str | None]
    minutes: int
    given_on: date


def record_contribution(
    session: Session,
    actor: Actor,
    *,
    activity_id: UUID,
    person_id: UUID | None = None,
    card_number: str | None = None,
    minutes: int,
    given_on: date,
    now: datetime,
) -> Contribution:
    """Record minutes that a person gave, and pay them from the group's pot. The group knows the person from now on.

    Raises Forbidden, NotFound, ActivityClosed, DayNotRecordable, OwnTime, UnknownCard, ledger.InsufficientCredits.
    """
    item = TimeGiven(
        activity_id=activity_id, person_id=person_id, card_number=card_number, minutes=minutes, given_on=given_on
    )
    (outcome,) = _record(session, actor, [item], now=now)
    if isinstance(outcome, Refused | NotFound):
        raise outcome
    return outcome


def record_contributions(
    session: Session, actor: Actor, *, items: Sequence[TimeGiven], now: datetime
) -> list[Contribution | Refused]:
    """Record time that many people gave, and give a contribution or a refusal for each item, in order.

    Raises Forbidden or NotFound where an item names an activity that is not of the actor's groups, or unknown.
    """
    outcomes = _record(session, actor, items, now=now)
    return [UnknownPerson() if isinstance(outcome, NotFound) else outcome for outcome in outcomes]


@dataclass(frozen=True, slots=True)
class _Place:
    """An activity, and the account of its group's pot."""

    activity: Activity
    pot_account_id: UUID


@dataclass(frozen=True, slots=True)
class _Earners:
    """Whom the items may name: people by the number of their card, and the account on which each person earns."""

    by_number: Mapping[str, UUID]
    accounts: Mapping[UUID, UUID]
    visible: Collection[UUID]

    def find(self, item: TimeGiven) -> UUID:
        """Give the id of the person whom an item names. Raises NotFound, UnknownCard."""
        person_id, number = item.get("person_id"), item.get("card_number")
        assert (person_id is None) != (number is None)
        if person_id is None:
            person_id = self.by_number.get(normalise(number or ""))
            if person_id is None:
                raise UnknownCard
        elif person_id not in self.visible:
            raise NotFound
        return person_id


def _record(
    session: Session, actor: Actor, items: Sequence[TimeGiven], *, now: datetime
) -> list[Contribution | Refused | NotFound]:
    actor.require(Permission.RECORD_TIME)
    places = _find_places(session, actor, {item["activity_id"] for item in items})
    earners = _find_earners(session, actor, items)
    outcomes: list[Contribution | Refused | NotFound] = []
    planned: list[tuple[int, Contribution, EntryRequest]] = []
    for index, item in enumerate(items):
        try:
            contribution, request = _plan(actor, item, places[item["activity_id"]], earners, now=now)
        except (Refused, NotFound) as refusal:
            outcomes.append(refusal)
        else:
            outcomes.append(contribution)
            planned.append((index, contribution, request))
    if not planned:
        return outcomes
    requests = [request for _, _, request in planned]
    answers = ledger.post(session, actor.programme_id, requests, now=now, today=actor.today(now))
    for (index, contribution, _), answer in zip(planned, answers, strict=True):
        if isinstance(answer, Posted):
            contribution.recorded_at = answer.recorded_at
        else:
            assert isinstance(answer, Refused), answer
            outcomes[index] = answer
    _write(session, actor, [outcome for outcome in outcomes if isinstance(outcome, Contribution)], places, now=now)
    return outcomes


def _find_places(session: Session, actor: Actor, activity_ids: Collection[UUID]) -> dict[UUID, _Place]:
    """Find the activities and the pots that pay for them. Raises Forbidden, NotFound."""
    rows = session.execute(
        select(Activity, Organisation.account_id)
        .join(
            Organisation,
            (Organisation.programme_id == Activity.programme_id) & (Organisation.id == Activity.organisation_id),
        )
        .where(Activity.programme_id == actor.programme_id, Activity.id.in_(activity_ids))
    )
    places = {}
    for activity, pot_account_id in rows:
        actor.require(Permission.RECORD_TIME, within=activity.organisation_id)
        assert pot_account_id is not None
        places[activity.id] = _Place(activity, pot_account_id)
    if len(places) < len(activity_ids):
        raise NotFound
    return places


def _find_earners(session: Session, actor: Actor, items: Sequence[TimeGiven]) -> _Earners:
    """Find whoever the items name: by an id that the actor may see, or by a card, which is shown by its owner."""
    numbers = set()
    for number in (item.get("card_number") for item in items):
        with suppress(UnknownCard):
            numbers.add(normalise(number or ""))
    cards = select(Card.number, Card.person_id).where(
        Card.programme_id == actor.programme_id, Card.number.in_(numbers), Card.stopped_at.is_(None)
    )
    by_number = dict(session.execute(cards).all())
    named = {person_id for item in items if (person_id := item.get("person_id")) is not None}
    query = select(Person.id, Person.earned_account_id, visible(actor)).where(
        Person.programme_id == actor.programme_id, Person.id.in_(named.union(by_number.values()))
    )
    found = session.execute(query).all()
    return _Earners(
        by_number,
        accounts={person_id: account_id for person_id, account_id, _ in found},
        visible={person_id for person_id, _, may_see in found if may_see},
    )


def _plan(
    actor: Actor, item: TimeGiven, place: _Place, earners: _Earners, *, now: datetime
) -> tuple[Contribution, EntryRequest]:
    """Write the contribution, and the entry that pays it, if the rules allow it."""
    today, given_on = actor.today(now), item["given_on"]
    if place.activity.closed_at is not None:
        raise ActivityClosed
    if not today - LONGEST_AGO <= given_on <= today:
        raise DayNotRecordable
    person_id = earners.find(item)
    if actor.is_about_themselves(person_id):
        raise OwnTime
    movement = ledger.movement(TransferKind.EARN, place.pot_account_id, earners.accounts[person_id], item["minutes"])
    request = EntryRequest(EntryKind.EARN, actor.id, given_on, (movement,))
    contribution = Contribution(
        programme_id=actor.programme_id,
        id=new_id(),
        activity_id=item["activity_id"],
        person_id=person_id,
        minutes=item["minutes"],
        given_on=given_on,
        entry_id=request.id,
        recorded_by=actor.id,
    )
    return contribution, request


def _write(
    session: Session,
    actor: Actor,
    recorded: Sequence[Contribution],
    places: Mapping[UUID, _Place],
    *,
    now: datetime,
) -> None:
    """Write down what was paid, and let each group know the people who gave it their time."""
    written = add_many(session, recorded)
    assert written
    subject_ids = [contribution.id for contribution in recorded]
    audit.record_each(session, actor, action="record_contribution", subject_ids=subject_ids, now=now)
    pairs = {(row.person_id, places[row.activity_id].activity.organisation_id) for row in recorded}
    acquaint_each(session, actor, pairs=pairs, now=now)
