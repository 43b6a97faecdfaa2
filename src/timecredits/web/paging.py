"""Lists by the page: a limit, and a cursor that only this list gives and takes."""

import base64
import binascii
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query, Request, Response
from pydantic import Field, TypeAdapter, ValidationError

from timecredits.web.refusals import InvalidCursor
from timecredits.web.schemas import Model
from timecredits.web.service import Service, TheService

_SEAL_BYTES = 16

Item = TypeVar("Item")
Key = TypeVar("Key")
Row = TypeVar("Row")


class Page(Model, Generic[Item]):
    """Some items of a list, in its order."""

    items: list[Item]
    next: str | None = Field(description="The cursor of the next page; null on the last one.")


@dataclass
class Pager:
    """Turns rows into a page. A query asks for `fetch` rows: one more than fit, to know whether there are more."""

    service: Service
    request: Request
    response: Response
    limit: int
    cursor: str | None

    @property
    def fetch(self) -> int:
        """Say how many rows to ask for."""
        return self.limit + 1

    def after(self, kind: type[Key]) -> Key | None:
        """Give the key after which the page starts, such as a `tuple[datetime, UUID]`. Raises InvalidCursor."""
        if self.cursor is None:
            return None
        try:
            sealed = base64.urlsafe_b64decode(self.cursor.encode("ascii"))
            seal, key = sealed[:_SEAL_BYTES], sealed[_SEAL_BYTES:]
            if not hmac.compare_digest(seal, self._seal(key)):
                raise InvalidCursor
            return TypeAdapter(kind).validate_json(key)
        except (binascii.Error, UnicodeEncodeError, ValidationError) as error:
            raise InvalidCursor from error

    def page(self, rows: Sequence[Row], *, show: Callable[[Row], Item], key: Callable[[Row], object]) -> Page[Item]:
        """Make a page of the rows that fit. `key` gives what the list is ordered by."""
        following = None
        if len(rows) > self.limit:
            last = TypeAdapter(object).dump_json(key(rows[self.limit - 1]))
            following = base64.urlsafe_b64encode(self._seal(last) + last).decode()
            url = self.request.url.include_query_params(cursor=following)
            self.response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
        return Page(items=[show(row) for row in rows[: self.limit]], next=following)

    def _seal(self, key: bytes) -> bytes:
        """Seal a key for this list, so that nobody makes up one that the database cannot take."""
        message = b"cursor" + self.request.url.path.encode() + key
        return hmac.digest(self.service.secret_key, message, "sha256")[:_SEAL_BYTES]


async def get_pager(
    service: TheService,
    request: Request,
    response: Response,
    limit: Annotated[int, Query(ge=1, le=200, description="The most items of a page.")] = 50,
    cursor: Annotated[str | None, Query(max_length=1000, description="`next` of the page before.")] = None,
) -> Pager:
    """Give a pager for the page that was asked for."""
    return Pager(service, request, response, limit, cursor)


Paging = Annotated[Pager, Depends(get_pager)]
