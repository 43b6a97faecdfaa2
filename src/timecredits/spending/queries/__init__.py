"""Everything that only reads what is offered, what was redeemed and what was given away."""

from timecredits.spending.queries.directory import (
    find_opportunity,
    find_venue,
    opportunities,
    opportunities_by_id,
    opportunity,
    venue,
    venues,
)
from timecredits.spending.queries.gifts import donation, gift, receiver_known
from timecredits.spending.queries.offers import (
    Asked,
    NothingToPay,
    Offer,
    OpportunityNotOn,
    OpportunityWithdrawn,
    PartyOutOfRange,
    offer,
    priced,
)
from timecredits.spending.queries.receipts import Receipt, receipt, receipts, redemption, redemption_by_reference

__all__ = [
    "Asked",
    "NothingToPay",
    "Offer",
    "OpportunityNotOn",
    "OpportunityWithdrawn",
    "PartyOutOfRange",
    "Receipt",
    "donation",
    "find_opportunity",
    "find_venue",
    "gift",
    "offer",
    "opportunities",
    "opportunities_by_id",
    "opportunity",
    "priced",
    "receipt",
    "receipts",
    "receiver_known",
    "redemption",
    "redemption_by_reference",
    "venue",
    "venues",
]
