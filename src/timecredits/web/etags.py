"""Versions as ETags: an edit says which version it edits, so that none is lost."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeVar
from uuid import UUID

from fastapi import Depends, Header, Response
from pydantic import BaseModel
from sqlalchemy.orm.exc import StaleDataError

from timecredits.web.callers import Caller, Reading
from timecredits.web.perform import run_again_on_deadlock
from timecredits.web.refusals import PreconditionFailed


class Versioned(Protocol):
    """An answer that carries the version of its row."""

    @property
    def version(self) -> int:
        """Count the changes of the row."""


Out = TypeVar("Out", bound=Versioned)


def tagged(response: Response, answer: Out) -> Out:
    """Give the answer its ETag."""
    response.headers["ETag"] = _etag(answer)
    return answer


@dataclass
class Editor:
    """Edits one thing, if it is still as it was when the client read it."""

    caller: Caller
    if_match: str

    def __call__(self, action: Callable[..., object], body: BaseModel, *, show: Callable[..., Out], **ids: UUID) -> Out:
        """Run an action on the fields that were sent, as `changes`, and give what `show` makes of it once committed.

        The ids of the path go to the action by name, and to `show` after session and actor. `show` reads the version
        before and after; the row's `version_id_col` guards the time between. Raises PreconditionFailed.
        """
        changes = body.model_dump(exclude_unset=True)

        def edit() -> Out:
            with self.caller.begin() as (session, actor):
                if _etag(show(session, actor, *ids.values())) != self.if_match:
                    raise PreconditionFailed
                action(session, actor, **ids, changes=changes, now=self.caller.now)
                return show(session, actor, *ids.values())

        try:
            return tagged(self.caller.response, run_again_on_deadlock(edit))
        except StaleDataError as error:
            raise PreconditionFailed from error


def _etag(answer: Versioned) -> str:
    return f'"{answer.version}"'


async def get_editor(
    caller: Reading, if_match: Annotated[str, Header(description="The ETag of what was read.", pattern='^"[0-9]+"$')]
) -> Editor:
    """Give an editor for the version in If-Match."""
    return Editor(caller, if_match)


Edit = Annotated[Editor, Depends(get_editor)]
