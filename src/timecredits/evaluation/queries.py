"""The funnel: of the people who were prescribed credits, how many went, and how many then gave time."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Funnel:
    """Numbers of people. Each step counts those of the step before who also did this, at or after that time."""

    prescribed: int
    first_spend: int
    first_earn: int


# A visit or a contribution that was put right did not happen: the journal knows.
_FUNNEL = text(
    """
    WITH undone AS (
        SELECT reverses AS entry_id FROM journal_entry
        WHERE programme_id = :programme_id AND reverses IS NOT NULL
    ), prescribed AS (
        SELECT person_id, min(issued_at) AS at FROM prescription
        WHERE programme_id = :programme_id GROUP BY person_id
    ), spent AS (
        SELECT person_id, min(redeemed_at) AS at FROM redemption JOIN prescribed USING (person_id)
        WHERE programme_id = :programme_id AND redeemed_at >= prescribed.at
          AND NOT EXISTS (SELECT FROM undone WHERE undone.entry_id = redemption.entry_id)
        GROUP BY person_id
    ), earned AS (
        SELECT person_id FROM contribution JOIN spent USING (person_id)
        WHERE programme_id = :programme_id AND recorded_at >= spent.at
          AND NOT EXISTS (SELECT FROM undone WHERE undone.entry_id = contribution.entry_id)
        GROUP BY person_id
    )
    SELECT (SELECT count(*) FROM prescribed), (SELECT count(*) FROM spent), (SELECT count(*) FROM earned)
    """
)


def funnel(session: Session, programme_id: UUID) -> Funnel:
    """Count people from prescription to first visit to first time given. Exact: for whoever may see the people."""
    prescribed, first_spend, first_earn = session.execute(_FUNNEL, {"programme_id": programme_id}).one()
    return Funnel(prescribed=prescribed, first_spend=first_spend, first_earn=first_earn)
