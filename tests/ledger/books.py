"""Accounts to post between, and the shortest words for posting: what the tests of the ledger share."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from uuid import UUID

from hypothesis import settings
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.conftest import NOW, Programme
from timecredits import ledger
from timecredits.database import ProgrammeSession, new_id
from timecredits.errors import DomainError
from timecredits.ledger import AccountKind, Draw, EntryKind, EntryRequest, Outcome, Posted, TransferKind

TODAY = NOW.date()
MUCH = 10**12

# The same examples in each run: a suite that fails on some days only is not believed on the others.
EXAMPLES = settings(derandomize=True, deadline=None, database=None, max_examples=100)

# How minutes come to be in an account of each kind: the kind that feeds it, and by which transfer.
_FED_BY = {
    AccountKind.PRESCRIBING_POT: (AccountKind.FUND, TransferKind.ALLOCATE),
    AccountKind.GROUP_POT: (AccountKind.FUND, TransferKind.ALLOCATE),
    AccountKind.COMMUNITY_POT: (AccountKind.FUND, TransferKind.ALLOCATE),
    AccountKind.PRESCRIBED: (AccountKind.PRESCRIBING_POT, TransferKind.PRESCRIBE),
    AccountKind.COMPANION: (AccountKind.PRESCRIBING_POT, TransferKind.PRESCRIBE),
    AccountKind.EARNED: (AccountKind.GROUP_POT, TransferKind.EARN),
    AccountKind.HELD: (AccountKind.EARNED, TransferKind.HOLD),
    AccountKind.PARTNER: (AccountKind.EARNED, TransferKind.SPEND),
    AccountKind.NOTES: (AccountKind.GROUP_POT, TransferKind.PRINT_NOTE),
    AccountKind.EXPIRED: (AccountKind.PRESCRIBED, TransferKind.WITHDRAW),
}


def asks(
    kind: TransferKind | EntryKind,
    *draws: Draw,
    reverses: UUID | None = None,
    correlation_id: UUID | None = None,
    on: date = TODAY,
) -> EntryRequest:
    """Ask for an entry of these draws."""
    return EntryRequest(EntryKind(kind.value), new_id(), on, draws, reverses=reverses, correlation_id=correlation_id)


def moves(kind: TransferKind, source_id: UUID, target_id: UUID, minutes: int) -> EntryRequest:
    """Ask for an entry of one movement."""
    return asks(kind, ledger.movement(kind, source_id, target_id, minutes))


def draws(
    kind: TransferKind, source_ids: Sequence[UUID], target_id: UUID, minutes: int | None, *, at_most: bool = False
) -> EntryRequest:
    """Ask for an entry of one draw on several accounts."""
    return asks(kind, Draw(kind, tuple(source_ids), target_id, minutes, at_most=at_most))


def code(outcome: Outcome) -> str:
    """Say in a word what came of it."""
    return outcome.code() if isinstance(outcome, DomainError) else "posted"


class Books:
    """The accounts of a programme. Everything is committed, each call in a transaction of its own."""

    def __init__(self, programme: Programme) -> None:
        """Open one account of each kind that belongs to nobody in particular."""
        self.programme = programme
        self.id = programme.id
        self.fund = self.open(AccountKind.FUND, floor=-MUCH)
        self.pot = self.open(AccountKind.PRESCRIBING_POT, origin_id=self.fund)
        self.group = self.open(AccountKind.GROUP_POT)
        self.community = self.open(AccountKind.COMMUNITY_POT)
        self.partner = self.open(AccountKind.PARTNER)
        self.notes = self.open(AccountKind.NOTES)
        self.expired = self.open(AccountKind.EXPIRED)

    @contextmanager
    def transaction(self) -> Iterator[ProgrammeSession]:
        """Begin a transaction in the programme, and commit it unless something is raised."""
        with self.programme.session() as session, session.begin():
            yield session

    def open(
        self,
        kind: AccountKind,
        *,
        owner_id: UUID | None = None,
        origin_id: UUID | None = None,
        floor: int = 0,
        expires_on: date | None = None,
    ) -> UUID:
        """Open an account."""
        with self.transaction() as session:
            return ledger.open_account(
                session,
                self.id,
                kind,
                owner_id=owner_id,
                origin_id=origin_id,
                floor=floor,
                expires_on=expires_on,
                now=NOW,
            )

    def prescription(
        self,
        owner_id: UUID,
        minutes: int,
        *,
        expires_on: date | None = None,
        kind: AccountKind = AccountKind.PRESCRIBED,
    ) -> UUID:
        """Open a prescription from the pot, and fill it."""
        account_id = self.open(kind, owner_id=owner_id, origin_id=self.pot, expires_on=expires_on)
        self.fill(account_id, minutes)
        return account_id

    def earned(self, owner_id: UUID, minutes: int = 0) -> UUID:
        """Open a person's account for time given, and fill it."""
        account_id = self.open(AccountKind.EARNED, owner_id=owner_id)
        if minutes:
            self.fill(account_id, minutes)
        return account_id

    def close(self, *account_ids: UUID) -> None:
        """Close accounts."""
        with self.transaction() as session:
            ledger.close_accounts(session, self.id, set(account_ids), lock_also=set(), now=NOW)

    def post(self, *requests: EntryRequest, now: datetime = NOW, today: date = TODAY) -> list[Outcome]:
        """Post requests in one call."""
        with self.transaction() as session:
            return ledger.post(session, self.id, requests, now=now, today=today)

    def post_one(self, request: EntryRequest, *, now: datetime = NOW, today: date = TODAY) -> Posted:
        """Post one request. Raises the refusal."""
        with self.transaction() as session:
            return ledger.post_one(session, self.id, request, now=now, today=today)

    def move(
        self, kind: TransferKind, source_id: UUID, target_id: UUID, minutes: int, *, now: datetime = NOW
    ) -> Posted:
        """Post one movement. Raises the refusal."""
        return self.post_one(moves(kind, source_id, target_id, minutes), now=now)

    def fill(self, account_id: UUID, minutes: int) -> None:
        """Bring minutes into an account in the way that its kind allows, all the way from the fund."""
        with self.transaction() as session:
            kind, owner_id, origin_id = session.execute(
                text("SELECT kind, owner_id, origin_id FROM account WHERE programme_id = :programme_id AND id = :id"),
                {"programme_id": self.id, "id": account_id},
            ).one()
        if kind == AccountKind.FUND:
            return
        feeder, transfer = _FED_BY[AccountKind(kind)]
        source_id = self._feeder(feeder, owner_id=owner_id, origin_id=origin_id)
        self.fill(source_id, minutes)
        self.move(transfer, source_id, account_id, minutes)

    def _feeder(self, kind: AccountKind, *, owner_id: UUID | None, origin_id: UUID | None) -> UUID:
        if kind is AccountKind.PRESCRIBING_POT:
            return origin_id or self.pot
        if kind in {AccountKind.FUND, AccountKind.GROUP_POT}:
            return self.fund if kind is AccountKind.FUND else self.group
        return self.open(kind, owner_id=owner_id, origin_id=self.pot)

    def balance(self, account_id: UUID) -> int:
        """Read the minutes in an account."""
        with self.transaction() as session:
            return ledger.balances(session, self.id, [account_id])[account_id]

    def disagreement(self) -> str | None:
        """Replay everything, and give the first disagreement."""
        with self.transaction() as session:
            found = ledger.check(session, self.id, now=NOW)
        assert found.consistent == (found.first_disagreement is None)
        return found.first_disagreement


def every_byte(session: Session) -> list[str]:
    """Digest all rows of the ledger that this session sees, table by table."""
    return [
        session.execute(
            text(f"SELECT coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {table} t")
        ).scalar_one()
        for table in ("account", "journal_entry", "transfer")
    ]
