"""JSON for programs: request and answer models with their routes, one file per context. This is the contract."""

from timecredits.api import (
    balances,
    earning,
    funds,
    gifts,
    journal,
    keys,
    offers,
    organisations,
    people,
    prescribing,
    redemptions,
)

routers = [
    organisations.router,
    funds.router,
    keys.router,
    people.router,
    balances.router,
    prescribing.router,
    earning.router,
    offers.router,
    redemptions.router,
    gifts.router,
    journal.router,
]
