"""Everything that changes programmes, organisations, funds and allocations."""

from timecredits.programmes.actions.funds import (
    AllocationItem,
    Destination,
    FundBelowIssued,
    FundDatesCrossed,
    FundExhausted,
    FundNotOpen,
    allocate,
    allocate_each,
    change_fund,
    create_fund,
)
from timecredits.programmes.actions.journal import ReversalReason, expired_to, record_verification, reverse_entry
from timecredits.programmes.actions.organisations import change_organisation, create_organisation
from timecredits.programmes.actions.programmes import ProgrammeExists, create_programme

__all__ = [
    "AllocationItem",
    "Destination",
    "FundBelowIssued",
    "FundDatesCrossed",
    "FundExhausted",
    "FundNotOpen",
    "ProgrammeExists",
    "ReversalReason",
    "allocate",
    "allocate_each",
    "change_fund",
    "change_organisation",
    "create_fund",
    "create_organisation",
    "create_programme",
    "expired_to",
    "record_verification",
    "reverse_entry",
]
