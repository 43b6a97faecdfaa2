"""What the ledger refuses, and in which words."""

from timecredits.errors import Conflict, Refused


class InsufficientCredits(Refused):
    """The accounts do not hold the minutes that are asked of them."""

    title = "Not enough credits"
    words = "There are not enough credits for this."
    explanation = (
        "More minutes were asked for than there are. Nothing was taken. `needed_minutes` says what it takes; "
        "`available_minutes`, where you may see it, says what there is."
    )


class ReversalShort(Refused):
    """Mirroring the entry would take an account below its floor."""

    title = "The credits have moved on"
    words = "Some of these credits have been used since, so this cannot be fully put right."
    explanation = (
        "A reversal mirrors the whole entry, and an account no longer holds enough. `shortfall_minutes` says how "
        "much is missing. A coordinator may reverse as far as possible; what is missing is never collected."
    )


class AccountClosed(Refused):
    """One of the accounts is closed."""

    title = "Closed"
    words = "These credits, or the place they would go to, are closed."
    explanation = "A withdrawn prescription, or another closed account, can neither give nor take credits."


class CreditsExpired(Refused):
    """The date until which these credits could be used has passed."""

    title = "Expired"
    words = "These credits could be used until a date that has passed."
    explanation = "Prescribed credits have a last day. After it they go back to where they came from."


class NothingToMove(Refused):
    """All there is, is nothing."""

    title = "Nothing there"
    words = "There are no credits to move."
    explanation = "Everything that was there should have moved, and nothing was there."


class IllegalTransfer(Refused):
    """The chart of accounts has no such transfer between these accounts."""

    title = "Credits cannot move that way"
    words = "Credits cannot move between these two in this way."
    explanation = "The chart of accounts lists every legal movement; this is none of them."


class MinutesOutOfRange(Refused):
    """A movement is between 1 and 1,000,000,000 minutes."""

    title = "Not a possible number of minutes"
    words = "One movement is between 1 and 1,000,000,000 minutes."
    explanation = "Minutes are whole numbers from 1 to 1,000,000,000."


class FundOverReturned(Refused):
    """A fund would get back more than was ever issued from it."""

    title = "More than was issued"
    words = "A fund cannot get back more than was issued from it."
    explanation = "What returns to a fund is at most what was allocated from it."


class AlreadyReversed(Conflict):
    """An entry is reversed once, ever."""

    title = "Already put right"
    words = "This has already been put right."
    explanation = "An entry can be reversed once. The journal shows the entry that reversed it."
