"""Where credits come from: two funds, and what they give each month to the wellbeing service and to the groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from timecredits.demo.names import DISTRICTS, FUNDS
from timecredits.demo.places import Places
from timecredits.demo.world import World
from timecredits.programmes import actions as programmes
from timecredits.programmes.actions import AllocationItem, Destination

_MONTH = 30
# Days for which the funds outlast today: the first ends sooner, and is prescribed from first.
_FUNDS_LAST = (180, 400)
# Minutes: what there is for each of the people, and beside that for each pot a month.
_TO_PRESCRIBE, _TO_EARN, _TO_BEGIN_WITH = 120, 250, 1200


@dataclass(slots=True)
class Pots:
    """The funds, and how many minutes each gives to whom. Half of what is prescribed is given on the first day."""

    world: World
    fund_ids: Sequence[UUID]
    first_day: Sequence[AllocationItem]
    each_month: Sequence[AllocationItem]
    months: int = 0

    def fill(self, day: int) -> None:
        """Allocate what is due by a day."""
        if day < self.months * _MONTH:
            return
        items = self.each_month if self.months else self.first_day
        self.months += 1
        for now, batch in self.world.batches(items, day=day, hour=8):
            with self.world.begin() as session:
                outcomes = programmes.allocate_each(session, self.world.coordinator, items=batch, now=now)
            list(self.world.done(batch, outcomes))


def make_pots(world: World, places: Places, *, people: int) -> Pots:
    """Agree two funds that are large enough for so many people."""
    months = -(-world.days // _MONTH)
    group_ids = places.group_ids()
    to_prescribe = people * _TO_PRESCRIBE // 2
    to_earn = people * _TO_EARN // len(group_ids) + _TO_BEGIN_WITH
    authorised = 2 * to_prescribe + months * (_TO_BEGIN_WITH + to_earn * len(group_ids))
    with world.begin() as session:
        fund_ids = [
            programmes.create_fund(
                session,
                world.coordinator,
                name=name,
                funder=funder,
                authorised_minutes=authorised,
                starts_on=world.first_day,
                ends_on=world.date_of(world.days) + timedelta(days=lasts),
                purpose="To show how Time Credits work. There is no such fund.",
                districts=DISTRICTS,
                now=world.moment(0, 8),
            ).id
            for (name, funder), lasts in zip(FUNDS, _FUNDS_LAST, strict=True)
        ]
    earned = [_item(fund_ids[-1], "group", group_id, to_earn) for group_id in group_ids]
    first, later = (
        [_item(fund_id, "wellbeing_service", places.service_id, minutes) for fund_id in fund_ids]
        for minutes in (to_prescribe + _TO_BEGIN_WITH, to_prescribe // months + _TO_BEGIN_WITH)
    )
    return Pots(world, fund_ids, first + earned, later + earned)


def _item(fund_id: UUID, kind: str, organisation_id: UUID, minutes: int) -> AllocationItem:
    return AllocationItem(fund_id=fund_id, to=Destination(kind=kind, id=organisation_id), minutes=minutes)
