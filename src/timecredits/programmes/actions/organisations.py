"""Adding and changing organisations."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from timecredits import audit, ledger
from timecredits.access import Actor, Permission
from timecredits.database import apply_changes, new_id
from timecredits.ledger import AccountKind
from timecredits.programmes import queries
from timecredits.programmes.models import Organisation, OrganisationKind

_ACCOUNT_OF = {OrganisationKind.GROUP: AccountKind.GROUP_POT, OrganisationKind.PARTNER: AccountKind.PARTNER}


def create_organisation(
    session: Session,
    actor: Actor,
    *,
    kind: OrganisationKind,
    name: str,
    description: str | None = None,
    districts: Sequence[str] = (),
    now: datetime,
) -> Organisation:
    """Add an organisation, with an account of its own where it gives or takes credits. Raises Forbidden."""
    actor.require(Permission.MANAGE_ORGANISATIONS)
    organisation_id = new_id()
    account_id = None
    if kind in _ACCOUNT_OF:
        account_id = ledger.open_account(
            session, actor.programme_id, _ACCOUNT_OF[kind], owner_id=organisation_id, now=now
        )
    organisation = Organisation(
        programme_id=actor.programme_id,
        id=organisation_id,
        kind=kind,
        name=name,
        description=description,
        districts=list(districts),
        account_id=account_id,
        created_at=now,
    )
    session.flush()
    session.add(organisation)
    audit.record(session, actor, action="create_organisation", subject_id=organisation_id, now=now)
    session.flush()
    return organisation


def change_organisation(
    session: Session, actor: Actor, *, organisation_id: UUID, changes: dict[str, object], now: datetime
) -> Organisation:
    """Change the name, description or districts of an organisation. Raises Forbidden, NotFound."""
    actor.require(Permission.MANAGE_ORGANISATIONS)
    organisation = queries.find_organisation(session, actor, organisation_id)
    apply_changes(organisation, changes, only={"name", "description", "districts"})
    audit.record(
        session, actor, action="change_organisation", subject_id=organisation_id, fields=sorted(changes), now=now
    )
    session.flush()
    return organisation
