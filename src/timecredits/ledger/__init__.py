"""Double entry in minutes: the front door of the ledger. Nothing else of it is imported from outside."""

from timecredits.ledger.accounts import authorise_fund, close_accounts, open_account
from timecredits.ledger.chart import AVAILABLE, MOST_MINUTES, PERSONAL, AccountKind, EntryKind, TransferKind
from timecredits.ledger.following import MoreThanHeld, NotReversible, capture, release, reversal
from timecredits.ledger.integrity import check, last_verification
from timecredits.ledger.journal import JournalLeg, entries, entry, is_reversed, legs, reversed_by
from timecredits.ledger.models import JournalEntry, Verification
from timecredits.ledger.posting import observers, post, post_one
from timecredits.ledger.refusals import (
    AccountClosed,
    AlreadyReversed,
    CreditsExpired,
    FundOverReturned,
    IllegalTransfer,
    InsufficientCredits,
    MinutesOutOfRange,
    NothingToMove,
    ReversalShort,
)
from timecredits.ledger.requests import Draw, EntryRequest, Outcome, Posted, movement
from timecredits.ledger.statements import (
    Balance,
    Line,
    Pot,
    balance,
    balance_at,
    balances,
    pots_of,
    spent_from,
    statement,
    trial_balance,
)

__all__ = [
    "AVAILABLE",
    "MOST_MINUTES",
    "PERSONAL",
    "AccountClosed",
    "AccountKind",
    "AlreadyReversed",
    "Balance",
    "CreditsExpired",
    "Draw",
    "EntryKind",
    "EntryRequest",
    "FundOverReturned",
    "IllegalTransfer",
    "InsufficientCredits",
    "JournalEntry",
    "JournalLeg",
    "Line",
    "MinutesOutOfRange",
    "MoreThanHeld",
    "NotReversible",
    "NothingToMove",
    "Outcome",
    "Posted",
    "Pot",
    "ReversalShort",
    "TransferKind",
    "Verification",
    "authorise_fund",
    "balance",
    "balance_at",
    "balances",
    "capture",
    "check",
    "close_accounts",
    "entries",
    "entry",
    "is_reversed",
    "last_verification",
    "legs",
    "movement",
    "observers",
    "open_account",
    "post",
    "post_one",
    "pots_of",
    "release",
    "reversal",
    "reversed_by",
    "spent_from",
    "statement",
    "trial_balance",
]
