"""People give time to a group and earn credits; now and then somebody gives credits away."""

from timecredits.access import Actor, Role
from timecredits.demo.life import Doing, Life
from timecredits.demo.members import Member, Story
from timecredits.earning import actions as earning
from timecredits.earning.actions import TimeGiven
from timecredits.errors import DomainError
from timecredits.spending import actions as spending
from timecredits.spending.actions import Destination

_GIFT_MINUTES = 60


def give_time(life: Life, day: int) -> None:
    """Record the sheets of all groups, by the numbers of people's cards."""
    world = life.world
    due = [
        (
            member,
            TimeGiven(
                activity_id=world.random.choice(member.group.activity_ids),
                card_number=member.card_number,
                minutes=world.random.choice((30, 45, 60, 60, 60, 90, 120)),
                given_on=world.date_of(given),
            ),
        )
        for given, member in life.who_means_to(Doing.GIVE_TIME, day)
    ]
    for now, batch in world.batches(due, day=day, hour=13):
        with world.begin() as session:
            outcomes = earning.record_contributions(
                session, life.places.leader, items=[sheet for _, sheet in batch], now=now
            )
        for (member, _), made in world.done(batch, outcomes):
            member.earned_minutes += made.minutes
            _thank(life, member, day)
        for member, _ in batch:
            again = day + max(1, member.plan.gives_every + world.random.randint(-1, 1))
            life.mean_to(Doing.GIVE_TIME, member, day=again)


def give_away(life: Life, day: int) -> None:
    """Give earned credits to somebody else, to the own group or to the community, by the people's own hands."""
    for _, member in life.who_means_to(Doing.GIVE_AWAY, day):
        try:
            _give(life, member, day)
        except DomainError as refusal:
            life.world.refuse(refusal)


def _thank(life: Life, member: Member, day: int) -> None:
    """Let a volunteer go out after earning for the first time, and a few give some of it away."""
    member.times_given += 1
    if member.plan.story is Story.VOLUNTEER and member.times_given == 1:
        life.mean_to(Doing.VISIT, member, day=day + life.soon(3, 21))
    if life.happens(0.003):
        life.mean_to(Doing.GIVE_AWAY, member, day=day)


def _give(life: Life, member: Member, day: int) -> None:
    world = life.world
    actor = Actor(
        id=member.person_id,
        programme_id=world.programme.id,
        time_zone=world.coordinator.time_zone,
        roles=frozenset({(Role.PERSON, None)}),
        person_id=member.person_id,
    )
    now = world.moment(day, 18)
    way = world.random.choice(("person", "person", "group", "community"))
    receiver = world.random.choice(life.members)
    with world.begin() as session:
        if way == "person":
            spending.give(session, actor, minutes=_GIFT_MINUTES, to_card_number=receiver.card_number, now=now)
        elif way == "group":
            to = Destination(kind="group", id=member.group.organisation_id)
            spending.donate(session, actor, to=to, minutes=_GIFT_MINUTES, now=now)
        else:
            spending.donate(session, actor, to=Destination(kind="community", id=None), minutes=_GIFT_MINUTES, now=now)
    member.earned_minutes -= _GIFT_MINUTES
    if way == "person":
        receiver.earned_minutes += _GIFT_MINUTES
