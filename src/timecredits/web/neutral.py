"""Neutral words for what the ledger calls by its name: outside the care team, nothing says "prescription"."""

from collections.abc import Mapping
from types import MappingProxyType

from timecredits.ledger import PERSONAL, AccountKind, EntryKind, TransferKind

# Each word stands for something ordinary too, so that none of them says "prescription" by another name.
_KINDS: Mapping[str, str] = MappingProxyType(
    {"prescribe": "added", "earn": "added", "withdraw": "returned", "expire": "returned", "donate": "returned"}
)
_ACCOUNTS: Mapping[AccountKind, str] = MappingProxyType(
    dict.fromkeys(PERSONAL, "person")
    | {
        AccountKind.PRESCRIBING_POT: "pot",
        AccountKind.GROUP_POT: "pot",
        AccountKind.COMMUNITY_POT: "pot",
        AccountKind.EXPIRED: "pot",
    }
)


def neutral_kind(kind: EntryKind | TransferKind) -> str:
    """Say what happened without saying why."""
    return _KINDS.get(kind.value, kind.value)


def neutral_account(kind: AccountKind) -> str:
    """Say what an account is without saying what for."""
    return _ACCOUNTS.get(kind, kind.value)
