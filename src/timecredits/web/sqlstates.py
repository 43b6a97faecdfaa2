"""PostgreSQL's error codes that are answered in a way of their own."""

import psycopg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

LOCK_NOT_AVAILABLE = "55P03"
# Deadlock and serialization failure: PostgreSQL chose one transaction to be run again.
RUN_AGAIN = frozenset({"40P01", "40001"})
TOOK_TOO_LONG = RUN_AGAIN | {LOCK_NOT_AVAILABLE, "57014"}  # 57014: statement_timeout
# The server can do less than usual, for now: out of reach, shutting down, out of space or memory or connections, in
# trouble with its disk (XX000 where the file system has a limit), read-only, or told to let nobody write. What is
# corrupt (XX001, XX002) does not mend by itself.
_FOR_NOW_CLASSES = frozenset({"08", "53", "57", "58"})
_FOR_NOW = frozenset({"25006", "25P03", "25P04", "XX000"})
_INSUFFICIENT_PRIVILEGE = "42501"


def is_for_now(error: DBAPIError) -> bool:
    """Tell whether it may well work later: the connection broke, or the server says so."""
    state = sqlstate(error)
    if state is None:
        return isinstance(error, OperationalError | InterfaceError)
    if state == _INSUFFICIENT_PRIVILEGE:
        # A right that was taken away, and not a wall that was run into or a row that is append-only: those are defects.
        return isinstance(error.orig, psycopg.Error) and error.orig.diag.source_function == "aclcheck_error"
    return state in _FOR_NOW or state[:2] in _FOR_NOW_CLASSES


def sqlstate(error: DBAPIError) -> str | None:
    """Say which of PostgreSQL's errors it is; None where the connection broke."""
    return error.orig.sqlstate if isinstance(error.orig, psycopg.Error) else None
