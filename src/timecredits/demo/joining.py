"""People join."""

from collections.abc import Sequence

from timecredits.demo import names
from timecredits.demo.life import Doing, Life
from timecredits.demo.members import WEEK, Member, Plan, Story
from timecredits.demo.world import PIN
from timecredits.people import actions as people
from timecredits.people.actions import Newcomer


def join(life: Life, plans: Sequence[Plan], day: int) -> None:
    """Register whoever has come since the last time, with a card and a PIN.

    `plans` are those of all, in the order of joining.
    """
    world = life.world
    due = _come(plans, len(life.members), day)
    for now, batch in world.batches(due, day=day, hour=9):
        newcomers = [_newcomer(life, plan) for plan in batch]
        with world.begin() as session:
            registered = people.register_people(
                session, world.coordinator, items=newcomers, pin_key=world.pin_key, now=now
            )
        for plan, (person, card) in zip(batch, registered, strict=True):
            groups = life.places.groups[plan.district]
            # The first of all belongs to the first group: the one whose leader's key is shown.
            group = world.random.choice(groups) if life.members else groups[0]
            _settle(life, Member(plan, group, person.id, card.number), day)


def _come(plans: Sequence[Plan], known: int, day: int) -> list[Plan]:
    last = known
    while last < len(plans) and plans[last].joins_on <= day:
        last += 1
    return list(plans[known:last])


def _newcomer(life: Life, plan: Plan) -> Newcomer:
    given_name, family_name = names.person(life.world.random)
    return Newcomer(given_name, family_name, names.DISTRICTS[plan.district], PIN)


def _settle(life: Life, member: Member, day: int) -> None:
    """Let somebody begin where their story begins."""
    soon = life.world.random.randrange(WEEK)
    if not life.members:
        soon = 0
        # Whoever looks around in the end finds credits that are still to be spent.
        life.mean_to(Doing.BE_PRESCRIBED, member, day=life.world.days - 2)
    life.members.append(member)
    first = Doing.GIVE_TIME if member.plan.story is Story.VOLUNTEER else Doing.BE_PRESCRIBED
    life.mean_to(first, member, day=day + soon)
