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

# What is asked for most comes first: a request is held against one route after the other.
routers = [
    redemptions.router,
    balances.router,
    earning.router,
    gifts.router,
    people.router,
    prescribing.router,
    offers.router,
    organisations.router,
    funds.router,
    journal.router,
    keys.router,
]
