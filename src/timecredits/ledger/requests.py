"""What is asked of the ledger and what comes of it, as plain values."""

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from timecredits.database import new_id
from timecredits.errors import DomainError
from timecredits.ledger.chart import AccountKind, EntryKind, TransferKind


@dataclass(slots=True)
class AccountState:
    """What the rules need to know of a locked account. Balances are minutes."""

    id: UUID
    kind: AccountKind
    owner_id: UUID | None
    origin_id: UUID | None
    balance: int
    floor: int
    version: int
    posted_at: datetime | None
    expires_on: date | None
    closed: bool

    @property
    def free(self) -> int:
        """Minutes that can leave."""
        return self.balance - self.floor


@dataclass(frozen=True, slots=True)
class Draw:
    """Minutes from one account, or from several in order, to one target.

    `minutes` is None for all there is. `at_most` takes what there is up to `minutes`, and is content with less.
    `when_ended` moves only if the source is closed or past its last day.
    """

    kind: TransferKind
    source_ids: tuple[UUID, ...]
    target_id: UUID
    minutes: int | None
    at_most: bool = False
    when_ended: bool = False


def movement(kind: TransferKind, source_id: UUID, target_id: UUID, minutes: int) -> Draw:
    """Ask for a single movement of minutes: a draw from one account."""
    return Draw(kind, (source_id,), target_id, minutes)


@dataclass(frozen=True, slots=True)
class EntryRequest:
    """One event that should be posted: all of its draws or none."""

    kind: EntryKind
    actor_id: UUID
    effective_on: date
    draws: tuple[Draw, ...]
    reverses: UUID | None = None
    correlation_id: UUID | None = None
    id: UUID = field(default_factory=new_id)

    def account_ids(self) -> set[UUID]:
        """List every account that it names."""
        return {draw.target_id for draw in self.draws}.union(*(draw.source_ids for draw in self.draws))


@dataclass(frozen=True, slots=True)
class Leg:
    """One transfer as it will be written: minutes moved, and both running balances after it."""

    kind: TransferKind
    source_id: UUID
    target_id: UUID
    minutes: int
    source_seq: int
    source_after: int
    target_seq: int
    target_after: int


@dataclass(frozen=True, slots=True)
class Posted:
    """An entry that stands."""

    request: EntryRequest
    recorded_at: datetime
    legs: tuple[Leg, ...]

    @property
    def entry_id(self) -> UUID:
        """The entry's id."""
        return self.request.id

    @property
    def minutes(self) -> int:
        """Minutes over all its transfers."""
        return sum(leg.minutes for leg in self.legs)


Outcome = Posted | DomainError
