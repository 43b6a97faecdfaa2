"""What every request and answer is made of: types that let no nonsense through to the database."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_YEARS = range(1900, 2200)

When = TypeVar("When", bound=date)


def _written(pattern: re.Pattern[str], example: str) -> BeforeValidator:
    """Refuse what pydantic would guess at, such as a number of seconds where a date belongs."""

    def check(value: object) -> object:
        if isinstance(value, date) or (isinstance(value, str) and pattern.fullmatch(value)):
            return value
        message = f"Write it like {example}"
        raise ValueError(message)

    return BeforeValidator(check)


def _sensible(value: When) -> When:
    """Refuse what PostgreSQL, a time zone or a sum of days could not carry."""
    if value.year not in _YEARS:
        message = f"The year must be from {_YEARS.start} to {_YEARS.stop - 1}"
        raise ValueError(message)
    return value


ShortText = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$",
    ),
    Field(description="One line, without control characters."),
]
Text = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=2000,
        pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$",
    ),
    Field(description="Lines of text, without control characters other than tabs and line breaks."),
]
Districts = Annotated[list[ShortText], Field(max_length=100)]
Minutes = Annotated[int, Field(strict=True, gt=0, le=10**9, description="Whole minutes; 60 are one Time Credit.")]
Pin = Annotated[str, Field(pattern="^[0-9]{4}$", description="Four digits that the person chose. Nobody is shown it.")]
Flag = Annotated[bool, Field(strict=True)]
Day = Annotated[date, _written(_DAY, "2026-01-31"), AfterValidator(_sensible)]
Moment = Annotated[AwareDatetime, _written(_MOMENT, "2026-01-31T09:30:00Z"), AfterValidator(_sensible)]


class Model(BaseModel):
    """A request or an answer: no unknown fields, and nothing changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def credits_of(minutes: int) -> str:
    """Say minutes in Time Credits, to two decimals, without trailing zeros: 45 is 0.75."""
    return f"{(Decimal(minutes) / 60).quantize(Decimal('0.01')).normalize():f}"


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    pointer: str = Field(description="A JSON pointer into the body, or /query/…, /path/… or /header/….")
    detail: str


class Problem(BaseModel):
    """A problem, as RFC 9457 has it. Figures that a program needs stand beside these fields."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="A path that serves an explanation.", examples=["/problems/insufficient_credits"])
    title: str
    status: int
    detail: str = Field(description="Plain English that may be shown to a person.")
    code: str = Field(description="The stable word for programs.")
    errors: list[FieldProblem] = Field(default=[], description="Which fields are wrong, on 422.")
