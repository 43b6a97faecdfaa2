"""The wellbeing service: prescribes credits, withdraws some; what expires goes back."""

from datetime import timedelta

from timecredits.demo import names
from timecredits.demo.life import Doing, Life
from timecredits.demo.members import Member, Story
from timecredits.demo.world import BATCH
from timecredits.errors import DomainError
from timecredits.prescribing import actions as prescribing
from timecredits.prescribing.actions import Dose
from timecredits.prescribing.models import WithdrawalReason


def expire(life: Life, day: int) -> None:
    """End what has expired, as the sweep does."""
    world = life.world
    ended = BATCH
    while ended == BATCH:
        with world.begin() as session:
            ended = prescribing.expire_due(session, programme=world.programme, now=world.moment(day, 6), limit=BATCH)


def prescribe(life: Life, day: int) -> None:
    """Prescribe to whoever is due."""
    world = life.world
    due = [(member, _dose(life, member, day)) for _, member in life.who_means_to(Doing.BE_PRESCRIBED, day)]
    for now, batch in world.batches(due, day=day, hour=10):
        doses = [dose for _, dose in batch]
        with world.begin() as session:
            outcomes = prescribing.prescribe_many(session, life.places.worker, items=doses, now=now)
        for (member, dose), made in world.done(batch, outcomes):
            until = None if dose.expires_on is None else (dose.expires_on - world.first_day).days
            member.receive(made.id, dose.minutes, dose.companion_minutes, until=until)
            _go_on(life, member, day)


def withdraw(life: Life, day: int) -> None:
    """Withdraw what somebody does not want any more."""
    for _, member in life.who_means_to(Doing.LET_GO, day):
        assert member.prescription_id is not None
        try:
            with life.world.begin() as session:
                prescribing.withdraw(
                    session,
                    life.places.worker,
                    prescription_id=member.prescription_id,
                    reason=WithdrawalReason.NO_LONGER_WANTED,
                    message="You can come back to us at any time.",
                    now=life.world.moment(day, 11),
                )
        except DomainError as refusal:
            life.world.refuse(refusal)


def _dose(life: Life, member: Member, day: int) -> Dose:
    choose = life.world.random.choice
    lasts = choose((21, 28, 28, 42, 56, 84, None))
    return Dose(
        person_id=member.person_id,
        minutes=choose((120, 180, 180, 240, 300)),
        companion_minutes=choose((0, 0, 0, 60)),
        expires_on=None if lasts is None else life.world.date_of(day) + timedelta(days=lasts),
        goal=choose(names.GOALS),
    )


def _go_on(life: Life, member: Member, day: int) -> None:
    """Let some give their credits back and some go somewhere; others stay at home with them."""
    if member.plan.story is Story.STAYS_HOME:
        if life.happens(0.08):
            life.mean_to(Doing.LET_GO, member, day=day + life.soon(7, 20))
    elif member.visits == 0 or member.plan.story is Story.VISITS:
        life.mean_to(Doing.VISIT, member, day=day + life.soon(2, 18))
