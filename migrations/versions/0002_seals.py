"""Seals on accounts, entries and verifications; those that are there already are sealed as they are."""

import sqlalchemy as sa
from alembic import op

from timecredits.protection import application_role

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _uuid(*names: str) -> list[str]:
    return [f"uuid_send({name})" for name in names]


def _time(name: str) -> str:
    return f"timestamptz_send({name})"


def _text(name: str) -> str:
    return f"int4send(octet_length({name})) || textsend({name})"


# In the order of the columns, as they were when this was written.
_SEALED = {
    "account": [
        *_uuid("programme_id", "id"),
        _text("kind"),
        *_uuid("owner_id", "origin_id"),
        "int8send(floor)",
        _time("opened_at"),
        _time("closed_at"),
        "date_send(expires_on)",
    ],
    "journal_entry": [
        *_uuid("programme_id", "id"),
        _text("kind"),
        *_uuid("actor_id"),
        _time("recorded_at"),
        "date_send(effective_on)",
        *_uuid("reverses", "correlation_id"),
    ],
    "verification": [
        *_uuid("programme_id", "id"),
        "boolsend(consistent)",
        "int8send(entries)",
        "int8send(accounts)",
        _time("checked_at"),
        _text("first_disagreement"),
    ],
}


def upgrade() -> None:
    """Go forward; there is no way back but a restore."""
    # Not one programme's rows but all, and rows that are otherwise never changed: both walls come down meanwhile.
    op.execute("ALTER TABLE journal_entry DISABLE TRIGGER USER")
    for table, parts in _SEALED.items():
        sealed = " || ".join(f"coalesce('\\x01' || {part}, '\\x00')" for part in parts)
        op.add_column(table, sa.Column("seal", sa.LargeBinary(), nullable=True))
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"UPDATE {table} SET seal = sha256({sealed})")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.alter_column(table, "seal", nullable=False)
    op.execute("ALTER TABLE journal_entry ENABLE TRIGGER USER")
    op.execute(f"GRANT UPDATE (seal) ON account TO {application_role()}")
