"""People go places and spend credits there; not always there is enough."""

from timecredits.demo.life import Doing, Life
from timecredits.demo.members import Member, Party, Story
from timecredits.spending import actions as spending
from timecredits.spending.actions import Visit

# With less than this nothing is to be had.
_LOWEST_PRICE = 30


def visit(life: Life, day: int) -> None:
    """Take the credits of whoever goes out today, at the tills of all partners."""
    world = life.world
    who = [member for _, member in life.who_means_to(Doing.VISIT, day)]
    meant = [(member, _party(life, member)) for member in who]
    # Some come without having counted.
    due = [(member, party) for member, party in meant if member.can_pay(party, day) or life.happens(0.03)]
    for now, batch in world.batches(due, day=day, hour=16):
        visits = [
            Visit(member.person_id, party.offer.id, adults=party.adults, children=party.children)
            for member, party in batch
        ]
        with world.begin() as session:
            outcomes = spending.redeem_many(session, life.places.till, items=visits, now=now)
        for (member, party), _ in world.done(batch, outcomes):
            member.pay(party)
            if member.visits == 1 and member.plan.story is Story.VISITS_AND_GIVES:
                life.mean_to(Doing.GIVE_TIME, member, day=day + life.soon(3, 28))
    for member in who:
        _go_on(life, member, day)


def _party(life: Life, member: Member) -> Party:
    """First somebody goes to what is nearest, with a companion if there are minutes for one; later anywhere."""
    random, offers = life.world.random, life.places.offers
    if member.visits == 0:
        return Party(offers[member.plan.district][0], adults=2 if member.companion_minutes else 1)
    offer = random.choice(offers[member.plan.district] if life.happens(0.75) else random.choice(offers))
    adults, children = random.choice(((1, 0), (1, 0), (1, 0), (1, 0), (1, 0), (1, 1), (1, 2), (2, 0)))
    return Party(offer, adults, children)


def _go_on(life: Life, member: Member, day: int) -> None:
    """Mean to go again; who only has what was prescribed stops when that is used, or is prescribed some more."""
    if member.plan.story is not Story.VISITS or member.minutes_on(day) >= _LOWEST_PRICE:
        again = day + max(1, member.plan.visits_every + life.world.random.randint(-1, 1))
        life.mean_to(Doing.VISIT, member, day=again)
    elif life.happens(0.3):
        life.mean_to(Doing.BE_PRESCRIBED, member, day=day + life.soon(7, 28))
