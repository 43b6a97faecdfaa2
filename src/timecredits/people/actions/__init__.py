"""Everything that changes people, their cards and keys."""

from timecredits.people.actions.cards import (
    CardLocked,
    TrivialPin,
    UnknownCard,
    WrongPin,
    prove,
    set_pin,
    unlock_card,
)
from timecredits.people.actions.keys import RoleNeedsOrganisation, RoleNeedsPerson, create_key, revoke_key
from timecredits.people.actions.people import (
    Newcomer,
    acquaint,
    acquaint_each,
    change_person,
    register_people,
    register_person,
)

__all__ = [
    "CardLocked",
    "Newcomer",
    "RoleNeedsOrganisation",
    "RoleNeedsPerson",
    "TrivialPin",
    "UnknownCard",
    "WrongPin",
    "acquaint",
    "acquaint_each",
    "change_person",
    "create_key",
    "prove",
    "register_people",
    "register_person",
    "revoke_key",
    "set_pin",
    "unlock_card",
]
