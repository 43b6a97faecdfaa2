"""Everything that changes prescriptions."""

from timecredits.prescribing.actions.ending import PrescriptionEnded, expire_due, withdraw
from timecredits.prescribing.actions.issuing import (
    Dose,
    ExpiryPassed,
    OwnPrescription,
    ServiceNotNamed,
    prescribe,
    prescribe_many,
)

__all__ = [
    "Dose",
    "ExpiryPassed",
    "OwnPrescription",
    "PrescriptionEnded",
    "ServiceNotNamed",
    "expire_due",
    "prescribe",
    "prescribe_many",
    "withdraw",
]
