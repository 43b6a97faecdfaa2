"""The answer to many items at once: one outcome each."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol, Self
from uuid import UUID

from pydantic import Field

from timecredits.errors import Refused
from timecredits.web.problems import status_of
from timecredits.web.schemas import Model


class Row(Protocol):
    """What an action gives: something with an id."""

    @property
    def id(self) -> UUID:
        """Give the id."""


class BatchItem(Model):
    """What came of one item: an id, or a refusal. No text, so that all of it can be remembered."""

    status: int
    id: UUID | None = None
    code: str | None = Field(default=None, description="The refusal's stable word, explained at /problems/<code>.")
    figures: dict[str, int | str] = Field(default={}, description="The refusal's figures.")


class Batch(Model):
    """One outcome for each item, in the order in which they were sent."""

    items: list[BatchItem]

    @classmethod
    def of(cls, outcomes: Sequence[Row | Refused]) -> Self:
        """Write down what came of each item."""
        return cls(items=[_item(outcome) for outcome in outcomes])


def _item(outcome: Row | Refused) -> BatchItem:
    if isinstance(outcome, Refused):
        return BatchItem(status=status_of(type(outcome)), code=outcome.code(), figures=outcome.figures)
    return BatchItem(status=HTTPStatus.CREATED, id=outcome.id)
