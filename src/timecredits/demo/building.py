"""Building the demonstration programme, from the first day to yesterday."""

from collections.abc import Callable
from datetime import datetime
from time import perf_counter

from sqlalchemy import text
from sqlalchemy.orm import sessionmaker

from timecredits.database import ProgrammeSession
from timecredits.demo.caring import expire, prescribe, withdraw
from timecredits.demo.giving import give_away, give_time
from timecredits.demo.joining import join
from timecredits.demo.life import Life
from timecredits.demo.members import make_plans
from timecredits.demo.places import make_places
from timecredits.demo.pots import make_pots
from timecredits.demo.telling import Demonstration, tell
from timecredits.demo.visiting import visit
from timecredits.demo.world import make_world
from timecredits.sweeping import take_turn


def build(
    sessions: sessionmaker[ProgrammeSession],
    *,
    code: str,
    people: int,
    months: int,
    seed: int,
    pin_key: bytes,
    now: datetime,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Demonstration:
    """Build a programme of so many people that began so many months before now, a batch a transaction.

    All is by the actions of the service, at the times at which it would have happened. The same `seed` and `now`
    give the same figures. `progress` is told how many days are done, and of how many. Raises ProgrammeExists.
    """
    began = perf_counter()
    world = make_world(sessions, code=code, months=months, seed=seed, pin_key=pin_key, now=now)
    # A sweep knows today only, and would expire what is still to be spent then: hold its turn meanwhile.
    with world.begin() as session:
        session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        take_turn(session, world.programme)
        places = make_places(world, people=people)
        pots = make_pots(world, places, people=people)
        plans = make_plans(world.random, people=people, days=world.days)
        life = Life(world, places)
        for day in world.rounds(people):
            expire(life, day)
            pots.fill(day)
            join(life, plans, day)
            prescribe(life, day)
            withdraw(life, day)
            give_time(life, day)
            visit(life, day)
            give_away(life, day)
            progress(day + 1, world.days)
    return tell(life, began=began, now=now)
