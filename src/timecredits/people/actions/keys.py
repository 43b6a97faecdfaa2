"""Making and revoking keys."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from timecredits import audit
from timecredits.access import PROGRAMME_WIDE, Actor, Permission, Role
from timecredits.database import new_id
from timecredits.errors import Refused
from timecredits.people import queries
from timecredits.people.models import ApiKey
from timecredits.programmes import queries as programmes
from timecredits.programmes.models import OrganisationKind, Programme

_HELD_IN = {
    Role.WELLBEING_WORKER: {OrganisationKind.WELLBEING_SERVICE},
    Role.GROUP_LEADER: {OrganisationKind.GROUP},
    # Groups are places to spend too.
    Role.VENUE_STAFF: {OrganisationKind.PARTNER, OrganisationKind.GROUP},
}


class RoleNeedsOrganisation(Refused):
    """Workers, leaders and venue staff act in an organisation of the matching kind; the others in none."""

    title = "The role and the organisation do not match"
    words = "A {role} key does not go with this organisation."
    explanation = (
        "A wellbeing worker belongs to a wellbeing service, a group leader to a group, venue staff to a partner or to "
        "a group. A coordinator, an auditor and a person belong to no organisation."
    )


class RoleNeedsPerson(Refused):
    """A person's key acts for one person, and has no other role."""

    title = "A person's key needs a person"
    words = "A key with the role of a person names that person, and has no other role."
    explanation = (
        "Give `person_id` with the role `person`. With another role it says whose key it is: somebody who is a "
        "person of the programme too, and then cannot pay or prescribe to themselves."
    )


def create_key(
    session: Session,
    actor: Actor,
    *,
    name: str,
    roles: Collection[Role],
    organisation_id: UUID | None = None,
    person_id: UUID | None = None,
    expires_at: datetime | None = None,
    owner_id: UUID | None = None,
    continues: UUID | None = None,
    now: datetime,
) -> tuple[ApiKey, str]:
    """Make a key and give it with its text, which is shown once and stored only as a SHA-256 hash.

    The secret has 256 random bits, so a plain hash is enough. `person_id` is whom a person's key acts for, and whose
    any other key is. `continues` names an earlier key: the new one has its owner, so that what was done with the old
    one, and its idempotency keys, stay theirs. Raises Forbidden, NotFound, RoleNeedsOrganisation, RoleNeedsPerson.
    """
    actor.require(Permission.MANAGE_KEYS)
    _check_roles(session, actor, roles, organisation_id=organisation_id, person_id=person_id)
    if continues is not None:
        owner_id = queries.key(session, actor, continues).owner_id
    secret = secrets.token_urlsafe(32)
    key = ApiKey(
        programme_id=actor.programme_id,
        id=new_id(),
        owner_id=(person_id if Role.PERSON in roles else owner_id) or new_id(),
        name=name,
        roles=sorted(roles),
        organisation_id=organisation_id,
        person_id=person_id,
        secret_hash=hashlib.sha256(secret.encode()).digest(),
        created_at=now,
        expires_at=expires_at,
    )
    session.add(key)
    audit.record(session, actor, action="create_key", subject_id=key.id, now=now)
    session.flush()
    programme = session.get_one(Programme, actor.programme_id)
    return key, f"tc_{programme.code}-{key.id.hex}_{secret}"


def revoke_key(session: Session, actor: Actor, *, key_id: UUID, now: datetime) -> ApiKey:
    """Make a key useless from the next request on. Doing it twice is the same. Raises Forbidden, NotFound."""
    key = queries.key(session, actor, key_id)
    key.revoked_at = key.revoked_at or now
    audit.record(session, actor, action="revoke_key", subject_id=key_id, now=now)
    session.flush()
    return key


def _check_roles(
    session: Session, actor: Actor, roles: Collection[Role], *, organisation_id: UUID | None, person_id: UUID | None
) -> None:
    if Role.PERSON in roles and (person_id is None or set(roles) != {Role.PERSON}):
        raise RoleNeedsPerson
    if person_id is not None:
        queries.find_person(session, actor, person_id)
    for role in roles:
        if (role in PROGRAMME_WIDE) != (organisation_id is None):
            raise RoleNeedsOrganisation(role=role.value)
    if organisation_id is not None:
        organisation = programmes.find_organisation(session, actor, organisation_id)
        for role in roles:
            if organisation.kind not in _HELD_IN[role]:
                raise RoleNeedsOrganisation(role=role.value)
