"""AuditEvent, record() and record_each(): who did what to what. Ids, codes and names of fields; never values."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Text, Uuid, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from timecredits.access import Actor
from timecredits.bulk import array_of
from timecredits.database import Base, new_id

_INSERT_EACH = text(
    """
    INSERT INTO audit_event (programme_id, id, actor_id, action, subject_id, fields, recorded_at)
    SELECT CAST(:programme_id AS uuid), one.id, CAST(:actor_id AS uuid), :action, one.subject_id, '{}',
           CAST(:now AS timestamptz)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:subject_ids AS uuid[])) AS one (id, subject_id)
    """
)


class AuditEvent(Base):
    """One thing done: append-only, by trigger and by privilege."""

    __tablename__ = "audit_event"

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    actor_id: Mapped[UUID]
    action: Mapped[str]
    subject_id: Mapped[UUID]
    fields: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    recorded_at: Mapped[datetime]


def record(
    session: Session, actor: Actor, *, action: str, subject_id: UUID, now: datetime, fields: list[str] | None = None
) -> None:
    """Write down who did what to what, in the transaction of what was done."""
    session.add(
        AuditEvent(
            programme_id=actor.programme_id,
            actor_id=actor.id,
            action=action,
            subject_id=subject_id,
            recorded_at=now,
            fields=fields or [],
        )
    )


def record_each(session: Session, actor: Actor, *, action: str, subject_ids: Sequence[UUID], now: datetime) -> None:
    """Write down that who did the same to each of many, in one statement."""
    if subject_ids:
        session.connection().execute(
            _INSERT_EACH,
            {
                "programme_id": actor.programme_id,
                "ids": array_of(Uuid, [new_id() for _ in subject_ids]),
                "actor_id": actor.id,
                "action": action,
                "subject_ids": array_of(Uuid, subject_ids),
                "now": now,
            },
        )
