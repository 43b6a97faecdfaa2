"""Where people go: the wellbeing service, groups with their activities, partners with what they offer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from timecredits.access import Actor, Role
from timecredits.database import new_id
from timecredits.demo.names import DISTRICTS, GROUPS, PARTNERS, SERVICE
from timecredits.demo.world import World
from timecredits.earning import actions as earning
from timecredits.programmes import actions as programmes
from timecredits.programmes.models import OrganisationKind
from timecredits.spending import actions as spending

# One group and one partner a district, and more of them for more people, up to so many.
_PEOPLE_PER_GROUP, _MOST_GROUPS = 50, 96
_PEOPLE_PER_PARTNER, _MOST_PARTNERS = 150, 48


@dataclass(frozen=True, slots=True)
class Group:
    """A group, and what people give time to there."""

    organisation_id: UUID
    activity_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """An opportunity, and its price in minutes."""

    id: UUID
    partner_id: UUID
    adult_minutes: int
    child_minutes: int


@dataclass(frozen=True, slots=True)
class Places:
    """Everything that there is before the first person comes. `groups` and `offers` are listed by district."""

    service_id: UUID
    groups: Sequence[Sequence[Group]]
    offers: Sequence[Sequence[Offer]]
    # One worker, one who gathers the sheets of all groups, and one till for all partners, so that batches are large.
    worker: Actor
    leader: Actor
    till: Actor

    def group_ids(self) -> list[UUID]:
        """List all groups."""
        return [group.organisation_id for there in self.groups for group in there]


def make_places(world: World, *, people: int) -> Places:
    """Make everything that there is before the first person comes: more of it for more people."""
    with world.begin() as session:
        now = world.moment(0, 8)
        service = programmes.create_organisation(
            session,
            world.coordinator,
            kind=OrganisationKind.WELLBEING_SERVICE,
            name=SERVICE,
            districts=DISTRICTS,
            now=now,
        )
        groups: list[list[Group]] = [[] for _ in DISTRICTS]
        for number in range(_how_many(people, _PEOPLE_PER_GROUP, _MOST_GROUPS)):
            groups[number % len(DISTRICTS)].append(_make_group(world, session, number, now))
        offers: list[list[Offer]] = [[] for _ in DISTRICTS]
        for number in range(_how_many(people, _PEOPLE_PER_PARTNER, _MOST_PARTNERS)):
            offers[number % len(DISTRICTS)] += _make_partner(world, session, number, now)
    return Places(
        service_id=service.id,
        groups=groups,
        offers=offers,
        worker=_actor(world, Role.WELLBEING_WORKER, {service.id}),
        leader=_actor(world, Role.GROUP_LEADER, {group.organisation_id for there in groups for group in there}),
        till=_actor(world, Role.VENUE_STAFF, {offer.partner_id for there in offers for offer in there}),
    )


def _how_many(people: int, people_each: int, most: int) -> int:
    return min(max(len(DISTRICTS), people // people_each), most)


def _actor(world: World, role: Role, organisation_ids: set[UUID]) -> Actor:
    return Actor(
        id=new_id(),
        programme_id=world.programme.id,
        time_zone=world.coordinator.time_zone,
        roles=frozenset((role, organisation_id) for organisation_id in organisation_ids),
    )


def _make_group(world: World, session: Session, number: int, now: datetime) -> Group:
    name, activities = GROUPS[number % len(GROUPS)]
    district = DISTRICTS[number % len(DISTRICTS)]
    group = programmes.create_organisation(
        session,
        world.coordinator,
        kind=OrganisationKind.GROUP,
        name=_named(name, number),
        districts=[district],
        now=now,
    )
    activity_ids = tuple(
        earning.create_activity(session, world.coordinator, organisation_id=group.id, title=title, now=now).id
        for title in activities
    )
    return Group(group.id, activity_ids)


def _make_partner(world: World, session: Session, number: int, now: datetime) -> list[Offer]:
    name, offers = PARTNERS[number % len(PARTNERS)]
    partner = programmes.create_organisation(
        session,
        world.coordinator,
        kind=OrganisationKind.PARTNER,
        name=_named(name, number),
        districts=[DISTRICTS[number % len(DISTRICTS)]],
        now=now,
    )
    venue = spending.create_venue(
        session,
        world.coordinator,
        partner_id=partner.id,
        name=partner.name,
        address=f"{number + 1} Invented Street",
        postcode=f"ZZ{number % 99 + 1} 9ZZ",
        district=partner.districts[0],
        accessibility="Step-free from the street. Ask for the quiet hour.",
        now=now,
    )
    made = []
    for title, category, adult, child in offers:
        opportunity = spending.create_opportunity(
            session,
            world.coordinator,
            partner_id=partner.id,
            venue_id=venue.id,
            title=title,
            category=category,
            price_minutes=adult,
            child_price_minutes=child,
            first_visit="Ask for Exa at the desk: she shows you round.",
            now=now,
        )
        made.append(Offer(opportunity.id, partner.id, adult, adult if child is None else child))
    return made


def _named(name: str, number: int) -> str:
    """Name an organisation by its district, and by a number where there is another one."""
    again = number // len(DISTRICTS)
    return f"{name}, {DISTRICTS[number % len(DISTRICTS)]}" + (f" {again + 1}" if again else "")
