"""PostgreSQL's error codes that are answered in a way of their own."""

import psycopg
from sqlalchemy.exc import DBAPIError

LOCK_NOT_AVAILABLE = "55P03"
# Deadlock and serialization failure: PostgreSQL chose one transaction to be run again.
RUN_AGAIN = frozenset({"40P01", "40001"})
TOOK_TOO_LONG = RUN_AGAIN | {LOCK_NOT_AVAILABLE, "57014"}  # 57014: statement_timeout


def sqlstate(error: DBAPIError) -> str | None:
    """Say which of PostgreSQL's errors it is; None where the connection broke."""
    return error.orig.sqlstate if isinstance(error.orig, psycopg.Error) else None
