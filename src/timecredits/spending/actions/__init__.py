"""Everything that changes what is offered, and that spends credits or gives them away."""

from timecredits.spending.actions.gifts import Destination, GiftToSelf, GiverNeeded, donate, give
from timecredits.spending.actions.opportunities import (
    OpportunityDatesCrossed,
    VenueOfAnother,
    change_opportunity,
    create_opportunity,
    withdraw_opportunity,
)
from timecredits.spending.actions.quotes import Quote, quote
from timecredits.spending.actions.redemptions import (
    UndoTooLate,
    redeem,
    redeem_many,
    undo,
)
from timecredits.spending.actions.tills import ExternalReferenceUsed, Visit
from timecredits.spending.actions.venues import change_venue, create_venue

__all__ = [
    "Destination",
    "ExternalReferenceUsed",
    "GiftToSelf",
    "GiverNeeded",
    "OpportunityDatesCrossed",
    "Quote",
    "UndoTooLate",
    "VenueOfAnother",
    "Visit",
    "change_opportunity",
    "change_venue",
    "create_opportunity",
    "create_venue",
    "donate",
    "give",
    "quote",
    "redeem",
    "redeem_many",
    "undo",
    "withdraw_opportunity",
]
