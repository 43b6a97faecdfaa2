"""The memory of requests: each key stands for one request, and its outcome is said again."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from sqlalchemy import ForeignKey, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, Session, mapped_column

from timecredits.access import Actor
from timecredits.database import Base
from timecredits.web.refusals import IdempotencyKeyInUse, IdempotencyKeyReused
from timecredits.web.sqlstates import LOCK_NOT_AVAILABLE, sqlstate

_SECRETS = frozenset({"pin", "code"})


_CLAIM = text(
    """
    INSERT INTO idempotency_key (programme_id, owner_id, key_hash, request_hmac, figures, created_at)
    VALUES (:programme_id, :owner_id, :key_hash, :request_hmac, '{}', :now)
    ON CONFLICT (programme_id, owner_id, key_hash)
        DO UPDATE SET request_hmac = excluded.request_hmac, created_at = excluded.created_at
        WHERE idempotency_key.status IS NULL
    RETURNING true
    """
)
_SETTLE = text(
    """
    UPDATE idempotency_key SET status = :status, code = :code, resource_id = :resource_id, figures = :figures
    WHERE programme_id = :programme_id AND owner_id = :owner_id AND key_hash = :key_hash
    """
).bindparams(bindparam("figures", type_=JSONB))


class IdempotencyKey(Base):
    """One request of one client, and what came of it: a status, ids, codes and figures. No body and no key.

    `status` is empty inside the transaction that is working on the request, and where that came to nothing and yet
    left a trace (a wrong PIN): then the key is free again.
    """

    __tablename__ = "idempotency_key"

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programme.id"), primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    key_hash: Mapped[bytes] = mapped_column(primary_key=True)
    request_hmac: Mapped[bytes]
    status: Mapped[int | None]
    code: Mapped[str | None]
    resource_id: Mapped[UUID | None]
    figures: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime]


@dataclass(frozen=True)
class Ticket:
    """A client's key and the request that it stands for, both only as hashes."""

    key_hash: bytes
    request_hmac: bytes

    @classmethod
    def of(cls, key: str, *, method: str, path: str, body: object, secret_key: bytes) -> Self:
        """Hash a key, and the request without PINs and codes: four digits would be guessed from a plain hash."""
        request = json.dumps([method, path, _without_secrets(body)], sort_keys=True, separators=(",", ":"))
        return cls(
            hashlib.sha256(key.encode()).digest(), hmac.digest(secret_key, b"request" + request.encode(), "sha256")
        )


def claim(session: Session, actor: Actor, *, ticket: Ticket, now: datetime) -> IdempotencyKey | None:
    """Take the key for this request; or, where it is taken, give its outcome.

    Waits for another transaction that is taking it. Raises IdempotencyKeyInUse, IdempotencyKeyReused.
    """
    try:
        taken = session.connection().scalar(
            _CLAIM,
            {
                "programme_id": actor.programme_id,
                "owner_id": actor.id,
                "key_hash": ticket.key_hash,
                "request_hmac": ticket.request_hmac,
                "now": now,
            },
        )
    except OperationalError as error:
        if sqlstate(error) == LOCK_NOT_AVAILABLE:
            raise IdempotencyKeyInUse from error
        raise
    if taken:
        return None
    found = session.get_one(IdempotencyKey, (actor.programme_id, actor.id, ticket.key_hash))
    if not hmac.compare_digest(found.request_hmac, ticket.request_hmac):
        raise IdempotencyKeyReused
    return found


def settle(
    session: Session,
    actor: Actor,
    *,
    ticket: Ticket,
    status: int,
    code: str | None = None,
    resource_id: UUID | None = None,
    figures: Mapping[str, object],
) -> None:
    """Write the outcome to the key, in the transaction of its effect."""
    session.connection().execute(
        _SETTLE,
        {
            "programme_id": actor.programme_id,
            "owner_id": actor.id,
            "key_hash": ticket.key_hash,
            "status": int(status),
            "code": code,
            "resource_id": resource_id,
            "figures": figures,
        },
    )


def _without_secrets(value: object) -> object:
    match value:
        case dict():
            return {name: _without_secrets(inner) for name, inner in value.items() if name not in _SECRETS}
        case list():
            return [_without_secrets(inner) for inner in value]
        case _:
            return value
