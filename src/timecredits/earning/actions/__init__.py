"""Everything that changes activities, and recording the time that people give to them."""

from timecredits.earning.actions.activities import GroupNotNamed, change_activity, create_activity
from timecredits.earning.actions.contributions import (
    ActivityClosed,
    DayNotRecordable,
    OwnTime,
    TimeGiven,
    UnknownPerson,
    record_contribution,
    record_contributions,
)

__all__ = [
    "ActivityClosed",
    "DayNotRecordable",
    "GroupNotNamed",
    "OwnTime",
    "TimeGiven",
    "UnknownPerson",
    "change_activity",
    "create_activity",
    "record_contribution",
    "record_contributions",
]
