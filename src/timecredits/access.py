"""Who may do what: one page that an auditor can read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID
from zoneinfo import ZoneInfo

from timecredits.errors import Forbidden


class Role(StrEnum):
    """What somebody is in a programme, or in one organisation of it."""

    COORDINATOR = "coordinator"
    WELLBEING_WORKER = "wellbeing_worker"
    GROUP_LEADER = "group_leader"
    VENUE_STAFF = "venue_staff"
    PERSON = "person"
    AUDITOR = "auditor"


class Permission(StrEnum):
    """One thing that may be done."""

    MANAGE_FUNDS = "agree funds and allocate credits from them"
    MANAGE_ORGANISATIONS = "add and change organisations and venues"
    MANAGE_KEYS = "make, list and revoke keys"
    READ_DIRECTORY = "see organisations, venues, activities and opportunities"
    REGISTER_PEOPLE = "add people, give them a card and a first PIN, unlock a card"
    RESET_PIN = "replace a PIN that somebody has forgotten"
    READ_PEOPLE = "see the people that they work with, and what those can spend"
    READ_CARE = "see which credits were prescribed, and what became of them"
    PRESCRIBE = "prescribe credits and withdraw them"
    RECORD_TIME = "run activities and record time given"
    MANAGE_OPPORTUNITIES = "offer what credits can be spent on"
    REDEEM = "take credits at the till, list and undo that"
    GIVE = "give earned credits away"
    READ_JOURNAL = "read the journal and its verification"
    REVERSE = "put an entry right by its mirror image"


_P = Permission

POLICY: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.COORDINATOR: frozenset(
            {
                _P.MANAGE_FUNDS,
                _P.MANAGE_ORGANISATIONS,
                _P.MANAGE_KEYS,
                _P.READ_DIRECTORY,
                _P.REGISTER_PEOPLE,
                _P.RESET_PIN,
                _P.READ_PEOPLE,
                _P.RECORD_TIME,
                _P.MANAGE_OPPORTUNITIES,
                _P.READ_JOURNAL,
                _P.REVERSE,
            }
        ),
        Role.WELLBEING_WORKER: frozenset(
            {
                _P.READ_DIRECTORY,
                _P.REGISTER_PEOPLE,
                _P.RESET_PIN,
                _P.READ_PEOPLE,
                _P.READ_CARE,
                _P.PRESCRIBE,
                _P.GIVE,
            }
        ),
        Role.GROUP_LEADER: frozenset({_P.READ_DIRECTORY, _P.REGISTER_PEOPLE, _P.READ_PEOPLE, _P.RECORD_TIME}),
        Role.VENUE_STAFF: frozenset({_P.READ_DIRECTORY, _P.MANAGE_OPPORTUNITIES, _P.REDEEM}),
        Role.PERSON: frozenset({_P.READ_DIRECTORY, _P.READ_PEOPLE, _P.READ_CARE, _P.GIVE}),
        Role.AUDITOR: frozenset({_P.READ_JOURNAL}),
    }
)

# Held in no organisation: these roles are for the whole programme, or for one person.
PROGRAMME_WIDE = frozenset({Role.COORDINATOR, Role.AUDITOR, Role.PERSON})


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an opaque id, in a programme, with roles, each held in an organisation or in the whole programme.

    `id` outlives a rotated key. `person_id` is set for somebody who acts for themselves; `holder_id` is the person
    whose key it is, where that is known, whatever role they act in.
    """

    id: UUID
    programme_id: UUID
    time_zone: ZoneInfo
    roles: frozenset[tuple[Role, UUID | None]]
    person_id: UUID | None = None
    holder_id: UUID | None = None

    def is_about_themselves(self, person_id: UUID) -> bool:
        """Tell whether this person is the one who acts."""
        return person_id in (self.person_id, self.holder_id)

    def may(self, permission: Permission, *, within: UUID | None = None) -> bool:
        """Tell whether some role allows it: in the whole programme, or where `within` is given in that organisation."""
        return any(
            permission in POLICY[role] and (role in PROGRAMME_WIDE or within is None or within == organisation_id)
            for role, organisation_id in self.roles
        )

    def require(self, permission: Permission, *, within: UUID | None = None) -> None:
        """Raise Forbidden unless the actor may."""
        if not self.may(permission, within=within):
            raise Forbidden

    def organisations(self, permission: Permission) -> frozenset[UUID] | None:
        """List the organisations in which the actor may, or None for the whole programme."""
        held = {organisation_id for role, organisation_id in self.roles if permission in POLICY[role]}
        return None if None in held else frozenset(found for found in held if found is not None)

    def has(self, role: Role) -> bool:
        """Tell whether the actor holds this role anywhere."""
        return any(role is held for held, _ in self.roles)

    def today(self, now: datetime) -> date:
        """Give the date in the programme's time zone."""
        return now.astimezone(self.time_zone).date()
