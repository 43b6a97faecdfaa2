"""The four kinds of refusal. Concrete ones stand beside the functions that raise them; nothing here is HTTP."""

import re
from typing import ClassVar


class DomainError(Exception):
    """A refusal with a stable `code` (from the class name), plain words, and figures for programs.

    `title` says the problem in a few words; `words` says it in a sentence that may be shown to a person and may name
    figures in braces. `explanation` is for the page that explains the problem: what happened and what to do.
    Figures are codes, ids and integers, never text about a person, so that a refusal can be remembered and said again.
    What was written before it was raised is rolled back, unless it `leaves_traces`.
    """

    title: ClassVar[str] = "This cannot be done"
    words: ClassVar[str] = "This cannot be done."
    explanation: ClassVar[str] = ""
    remembered: ClassVar[bool] = False
    leaves_traces: ClassVar[bool] = False

    def __init__(self, **figures: int | str | None) -> None:
        """Keep the figures; a figure that is None is left out."""
        self.figures = {name: figure for name, figure in figures.items() if figure is not None}
        super().__init__(self.detail)

    @classmethod
    def code(cls) -> str:
        """Say the stable word for this problem: `InsufficientCredits` is `insufficient_credits`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @property
    def detail(self) -> str:
        """Say the problem in a sentence that may be shown to a person."""
        return self.words.format(**self.figures)


class NotFound(DomainError):
    """There is no such thing, or the actor may not know of it."""

    title = "Not found"
    words = "There is nothing here that you can see."
    explanation = "The id is wrong, or belongs to something that your key may not see. The answer is the same for both."


class Forbidden(DomainError):
    """The actor may know of it, and may not do this."""

    title = "Not allowed"
    words = "Your role does not allow this."
    explanation = "The key is valid, but none of its roles allows this. Ask a coordinator for a key with the right one."


class Conflict(DomainError):
    """The state has moved on since the actor looked."""

    title = "Things have moved on"
    words = "This has changed since you looked. Look again."
    explanation = "Somebody or something else changed it first. Read it again and decide again."


class Refused(DomainError):
    """A rule says no. Remembered with an Idempotency-Key, so that a retry later does not suddenly succeed."""

    title = "Refused"
    words = "A rule does not allow this."
    explanation = "The request was understood and a rule refused it. Nothing was changed."
    remembered = True


def problems(kind: type[DomainError] = DomainError) -> dict[str, type[DomainError]]:
    """List every kind of refusal that has been defined, by its code."""
    found = {kind.code(): kind}
    for child in kind.__subclasses__():
        found |= problems(child)
    return found
