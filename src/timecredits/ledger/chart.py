"""The chart of accounts: every kind of account and every legal kind of transfer."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

MOST_MINUTES = 10**9


class AccountKind(StrEnum):
    """What an account is for."""

    FUND = "fund"
    PRESCRIBING_POT = "prescribing_pot"
    GROUP_POT = "group_pot"
    COMMUNITY_POT = "community_pot"
    EARNED = "earned"
    PRESCRIBED = "prescribed"
    COMPANION = "companion"
    HELD = "held"
    PARTNER = "partner"
    NOTES = "notes"
    EXPIRED = "expired"


class TransferKind(StrEnum):
    """Why credits move."""

    ALLOCATE = "allocate"
    RETURN_ALLOCATION = "return_allocation"
    PRESCRIBE = "prescribe"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    EARN = "earn"
    SPEND = "spend"
    HOLD = "hold"
    RELEASE = "release"
    GIFT = "gift"
    DONATE = "donate"
    GRANT = "grant"
    RECYCLE = "recycle"
    PRINT_NOTE = "print_note"
    REDEEM_NOTE = "redeem_note"
    DEPOSIT_NOTE = "deposit_note"
    VOID_NOTE = "void_note"
    MERGE = "merge"
    REVERSE = "reverse"


class EntryKind(StrEnum):
    """What happened: the kinds of transfer, and a capture, which is release legs and then spend legs."""

    ALLOCATE = "allocate"
    RETURN_ALLOCATION = "return_allocation"
    PRESCRIBE = "prescribe"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    EARN = "earn"
    SPEND = "spend"
    HOLD = "hold"
    RELEASE = "release"
    CAPTURE = "capture"
    GIFT = "gift"
    DONATE = "donate"
    GRANT = "grant"
    RECYCLE = "recycle"
    PRINT_NOTE = "print_note"
    REDEEM_NOTE = "redeem_note"
    DEPOSIT_NOTE = "deposit_note"
    VOID_NOTE = "void_note"
    MERGE = "merge"
    REVERSE = "reverse"


class Tie(StrEnum):
    """What the two accounts of a transfer must be to each other."""

    ANY = "any"
    FEEDS = "the target is fed from the source"
    RETURNS = "the source is fed from the target"
    SAME_OWNER = "both have one owner"


_A = AccountKind
_T = TransferKind

LEGAL: Mapping[TransferKind, Mapping[tuple[AccountKind, AccountKind], Tie]] = MappingProxyType(
    {
        _T.ALLOCATE: {
            (_A.FUND, _A.PRESCRIBING_POT): Tie.FEEDS,
            (_A.FUND, _A.GROUP_POT): Tie.ANY,
            (_A.FUND, _A.COMMUNITY_POT): Tie.ANY,
        },
        _T.RETURN_ALLOCATION: {
            (_A.PRESCRIBING_POT, _A.FUND): Tie.RETURNS,
            (_A.GROUP_POT, _A.FUND): Tie.ANY,
            (_A.COMMUNITY_POT, _A.FUND): Tie.ANY,
        },
        _T.PRESCRIBE: {
            (_A.PRESCRIBING_POT, _A.PRESCRIBED): Tie.FEEDS,
            (_A.PRESCRIBING_POT, _A.COMPANION): Tie.FEEDS,
        },
        _T.WITHDRAW: {
            (_A.PRESCRIBED, _A.PRESCRIBING_POT): Tie.RETURNS,
            (_A.COMPANION, _A.PRESCRIBING_POT): Tie.RETURNS,
            (_A.PRESCRIBED, _A.EXPIRED): Tie.ANY,
            (_A.COMPANION, _A.EXPIRED): Tie.ANY,
        },
        _T.EXPIRE: {
            (_A.PRESCRIBED, _A.PRESCRIBING_POT): Tie.RETURNS,
            (_A.COMPANION, _A.PRESCRIBING_POT): Tie.RETURNS,
            (_A.PRESCRIBED, _A.EXPIRED): Tie.ANY,
            (_A.COMPANION, _A.EXPIRED): Tie.ANY,
        },
        _T.EARN: {(_A.GROUP_POT, _A.EARNED): Tie.ANY},
        _T.SPEND: {
            (_A.PRESCRIBED, _A.PARTNER): Tie.ANY,
            (_A.COMPANION, _A.PARTNER): Tie.ANY,
            (_A.EARNED, _A.PARTNER): Tie.ANY,
            (_A.PRESCRIBED, _A.GROUP_POT): Tie.ANY,
            (_A.COMPANION, _A.GROUP_POT): Tie.ANY,
            (_A.EARNED, _A.GROUP_POT): Tie.ANY,
        },
        _T.HOLD: {
            (_A.PRESCRIBED, _A.HELD): Tie.SAME_OWNER,
            (_A.COMPANION, _A.HELD): Tie.SAME_OWNER,
            (_A.EARNED, _A.HELD): Tie.SAME_OWNER,
        },
        _T.RELEASE: {
            (_A.HELD, _A.PRESCRIBED): Tie.SAME_OWNER,
            (_A.HELD, _A.COMPANION): Tie.SAME_OWNER,
            (_A.HELD, _A.EARNED): Tie.SAME_OWNER,
        },
        _T.GIFT: {(_A.EARNED, _A.EARNED): Tie.ANY},
        _T.DONATE: {(_A.EARNED, _A.COMMUNITY_POT): Tie.ANY, (_A.EARNED, _A.GROUP_POT): Tie.ANY},
        _T.GRANT: {(_A.COMMUNITY_POT, _A.GROUP_POT): Tie.ANY},
        _T.RECYCLE: {(_A.PARTNER, _A.COMMUNITY_POT): Tie.ANY},
        _T.PRINT_NOTE: {(_A.GROUP_POT, _A.NOTES): Tie.ANY, (_A.EARNED, _A.NOTES): Tie.ANY},
        _T.REDEEM_NOTE: {(_A.NOTES, _A.PARTNER): Tie.ANY, (_A.NOTES, _A.GROUP_POT): Tie.ANY},
        _T.DEPOSIT_NOTE: {(_A.NOTES, _A.EARNED): Tie.ANY},
        _T.VOID_NOTE: {(_A.NOTES, _A.GROUP_POT): Tie.ANY, (_A.NOTES, _A.EARNED): Tie.ANY},
        _T.MERGE: {(_A.EARNED, _A.EARNED): Tie.ANY, (_A.HELD, _A.HELD): Tie.ANY},
    }
)

# What an entry may consist of: transfers of its own kind, and for three of them, what moves on to where it came from.
HOLDS: Mapping[EntryKind, frozenset[TransferKind]] = MappingProxyType(
    {EntryKind(kind.value): frozenset({kind}) for kind in _T}
    | {
        EntryKind.CAPTURE: frozenset({_T.RELEASE, _T.SPEND, _T.EXPIRE}),
        EntryKind.RELEASE: frozenset({_T.RELEASE, _T.EXPIRE}),
        EntryKind.REVERSE: frozenset({_T.REVERSE, _T.EXPIRE}),
    }
)

# Put right by a mirror entry; the others are put right by an action of their own, named here.
REVERSIBLE = frozenset(
    {_T.ALLOCATE, _T.EARN, _T.SPEND, _T.GIFT, _T.DONATE, _T.GRANT, _T.RECYCLE},
)
PUT_RIGHT_BY: Mapping[EntryKind, str] = MappingProxyType(
    {
        EntryKind.RETURN_ALLOCATION: "allocate again",
        EntryKind.PRESCRIBE: "ask the worker who added these credits to take them back",
        EntryKind.WITHDRAW: "ask a worker to add credits again",
        EntryKind.EXPIRE: "ask a worker to add credits again",
        EntryKind.HOLD: "cancel the booking",
        EntryKind.RELEASE: "book again",
        EntryKind.CAPTURE: "undo the check-in",
        EntryKind.PRINT_NOTE: "void the note",
        EntryKind.REDEEM_NOTE: "ask the coordinator for a grant",
        EntryKind.DEPOSIT_NOTE: "give the credits back",
        EntryKind.VOID_NOTE: "print the note again",
        EntryKind.MERGE: "undo the merge",
        EntryKind.REVERSE: "do the first thing again",
    }
)

# Using credits needs a date that has not passed; putting things right does not.
USES = frozenset({_T.SPEND, _T.HOLD})
# What may still touch an account that is closed.
TIDIES = frozenset({_T.WITHDRAW, _T.EXPIRE, _T.RELEASE, _T.REVERSE})

PERSONAL = frozenset({_A.EARNED, _A.PRESCRIBED, _A.COMPANION, _A.HELD})
AVAILABLE = frozenset({_A.EARNED, _A.PRESCRIBED})


def tie(kind: TransferKind, source: AccountKind, target: AccountKind) -> Tie | None:
    """Say what the two accounts must be to each other, or None where such a transfer is never legal."""
    if kind is TransferKind.REVERSE:
        mirrored = any((target, source) in LEGAL[reversible] for reversible in REVERSIBLE)
        return Tie.ANY if mirrored else None
    return LEGAL[kind].get((source, target))
