"""Seals on accounts, entries and verifications; those that are there already are sealed as they are."""

import sqlalchemy as sa
from alembic import op

from timecredits.protection import application_role

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


# The columns as they were when this was written, without those that a posting changes.
_SEALED = {
    "account": "programme_id, id, kind, owner_id, origin_id, floor, opened_at, closed_at, expires_on",
    "journal_entry": "programme_id, id, kind, actor_id, recorded_at, effective_on, reverses, correlation_id",
    "verification": "programme_id, id, consistent, entries, accounts, checked_at, first_disagreement",
}


def upgrade() -> None:
    """Go forward; there is no way back but a restore."""
    # Not one programme's rows but all, and rows that are otherwise never changed: both walls come down meanwhile.
    op.execute("ALTER TABLE journal_entry DISABLE TRIGGER USER")
    for table, columns in _SEALED.items():
        op.add_column(table, sa.Column("seal", sa.LargeBinary(), nullable=True))
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"UPDATE {table} SET seal = sha256(record_send(ROW({columns})))")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.alter_column(table, "seal", nullable=False)
    op.execute("ALTER TABLE journal_entry ENABLE TRIGGER USER")
    op.execute(f"GRANT UPDATE (seal) ON account TO {application_role()}")
