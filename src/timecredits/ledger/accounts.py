"""Accounts: opening, locking and closing them, and what a fund may issue."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Uuid, bindparam, select
from sqlalchemy.orm import Session

from timecredits.bulk import among, array_of
from timecredits.database import new_id, table_of
from timecredits.ledger.chart import AccountKind
from timecredits.ledger.models import Account
from timecredits.ledger.requests import AccountState
from timecredits.ledger.sealing import change_sealed, seal

# Of the table and not of the class: the session has nothing to do with these rows, and its part costs as much again.
_ACCOUNT = table_of(Account).columns
_LOCK = (
    select(
        _ACCOUNT.id,
        _ACCOUNT.kind,
        _ACCOUNT.owner_id,
        _ACCOUNT.origin_id,
        _ACCOUNT.balance,
        _ACCOUNT.floor,
        _ACCOUNT.version,
        _ACCOUNT.posted_at,
        _ACCOUNT.expires_on,
        _ACCOUNT.closed_at.is_not(None),
    )
    .where(_ACCOUNT.programme_id == bindparam("programme_id"), among(_ACCOUNT.id, "ids"))
    .order_by(_ACCOUNT.id)
    .with_for_update(key_share=True)
)


def open_account(
    session: Session,
    programme_id: UUID,
    kind: AccountKind,
    *,
    owner_id: UUID | None = None,
    origin_id: UUID | None = None,
    floor: int = 0,
    expires_on: date | None = None,
    account_id: UUID | None = None,
    now: datetime,
) -> UUID:
    """Open an account at 0 minutes and give its id.

    `owner_id` is an opaque id; `origin_id` is the account that feeds this one. Only a fund has a `floor` below 0.
    `expires_on` is the last day on which its minutes can be used.
    """
    account = Account(
        programme_id=programme_id,
        id=account_id or new_id(),
        kind=kind.value,
        owner_id=owner_id,
        origin_id=origin_id,
        floor=floor,
        expires_on=expires_on,
        opened_at=now,
    )
    account.seal = seal(Account, vars(account))
    session.add(account)
    return account.id


def lock_accounts(session: Session, programme_id: UUID, account_ids: set[UUID]) -> dict[UUID, AccountState]:
    """Lock accounts in the order of their ids until the transaction ends, and read them as they are now.

    Columns, not entities: an entity that the session has seen before would keep its stale balance.
    FOR NO KEY UPDATE: new rows may refer to a locked account.
    """
    session.flush()
    rows = session.connection().execute(_LOCK, {"programme_id": programme_id, "ids": array_of(Uuid, account_ids)})
    return {account_id: AccountState(account_id, AccountKind(kind), *rest) for account_id, kind, *rest in rows}


def close_accounts(
    session: Session, programme_id: UUID, account_ids: set[UUID], *, lock_also: set[UUID], now: datetime
) -> None:
    """Close accounts for good: from now on they are only tidied up.

    `lock_also` names what the `post` that empties them will lock, so that all is locked in one order.
    """
    lock_accounts(session, programme_id, account_ids | lock_also)
    for account in _locked(session, programme_id, account_ids):
        if account.closed_at is None:
            change_sealed(account, closed_at=now)
    session.flush()


def authorise_fund(session: Session, programme_id: UUID, account_id: UUID, *, minutes: int) -> int:
    """Let a fund issue this many minutes in all, and give how many it has issued.

    Where more has been issued than that, it changes nothing. Locks the account.
    """
    issued = -lock_accounts(session, programme_id, {account_id})[account_id].balance
    if issued <= minutes:
        for account in _locked(session, programme_id, {account_id}):
            change_sealed(account, floor=-minutes)
        session.flush()
    return issued


def _locked(session: Session, programme_id: UUID, account_ids: set[UUID]) -> Sequence[Account]:
    """Give whole accounts, which this transaction has locked, as they are now."""
    found = select(Account).where(Account.programme_id == programme_id, Account.id.in_(account_ids))
    return session.scalars(found.execution_options(populate_existing=True)).all()
