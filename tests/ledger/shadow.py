"""A ledger of a few dictionaries, to compare the real one with. It shares no line with the rules that it checks."""

from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from timecredits.ledger import AccountKind

Move = tuple[UUID, UUID, int]
AVAILABLE = {AccountKind.EARNED, AccountKind.PRESCRIBED}


@dataclass(eq=False)
class Prescription:
    """Minutes for somebody, until a last day or for good, and minutes to take somebody along."""

    account: UUID
    companion: UUID
    last_day: date | None
    withdrawn: bool = False

    def ended(self, today: date) -> bool:
        """Tell whether it can no longer be used."""
        return self.withdrawn or (self.last_day is not None and self.last_day < today)


@dataclass(eq=False)
class Person:
    """Somebody, with what they own."""

    id: UUID
    earned: UUID
    held: UUID
    prescriptions: list[Prescription] = field(default_factory=list)
    lines: list[tuple[UUID, int, int]] = field(default_factory=list)

    def accounts(self) -> set[UUID]:
        """List what counts as available, expired or not."""
        return {self.earned} | {each.account for each in self.prescriptions}


@dataclass(eq=False)
class Hold:
    """What was promised to a booking: which account gave how much."""

    entry_id: UUID
    person: Person
    gave: list[tuple[UUID, int]]


@dataclass(eq=False)
class Done:
    """An entry that may be reversed."""

    entry_id: UUID
    moves: list[Move]
    reversed: bool = False


class Shadow:
    """Balances, and a list of lines for each person."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.kinds: dict[UUID, AccountKind] = {}
        self.balances: dict[UUID, int] = {}
        self.people: list[Person] = []
        self.holds: list[Hold] = []
        self.done: list[Done] = []
        self.today = date.min

    def add(self, kind: AccountKind, account_id: UUID) -> UUID:
        """Know of an account."""
        self.kinds[account_id] = kind
        self.balances[account_id] = 0
        return account_id

    def prescriptions(self) -> list[tuple[Person, Prescription]]:
        """List all prescriptions with whose they are."""
        return [(person, each) for person in self.people for each in person.prescriptions]

    def to_spend(self, person: Person) -> list[UUID]:
        """List what somebody spends from: what ends soonest comes first, time given last."""
        in_order = sorted(person.prescriptions, key=lambda each: each.last_day or date.max)
        return [each.account for each in in_order] + [person.earned]

    def usable(self, person: Person) -> list[UUID]:
        """Leave out what has ended."""
        ended = {each.account for each in person.prescriptions if each.ended(self.today)}
        return [account for account in self.to_spend(person) if account not in ended]

    def share_out(self, sources: list[UUID], minutes: int) -> list[tuple[UUID, int]] | None:
        """Take from one after the other; None where all of them do not have that much."""
        taken = []
        for source in sources:
            part = min(self.balances[source], minutes)
            minutes -= part
            if part:
                taken.append((source, part))
        return None if minutes else taken

    def leftovers(self, sources: list[UUID], moves: list[Move], target: UUID) -> list[Move]:
        """Say what lies in prescriptions that have ended, after these moves: it goes on to the target."""
        after = dict(self.balances)
        for source, takes, minutes in moves:
            after[source] -= minutes
            after[takes] += minutes
        ended = {each.account for _, each in self.prescriptions() if each.ended(self.today)}
        ended |= {each.companion for _, each in self.prescriptions() if each.ended(self.today)}
        return [
            (source, target, after[source]) for source in dict.fromkeys(sources) if source in ended and after[source]
        ]

    def apply(self, entry_id: UUID, moves: list[Move]) -> None:
        """Move the minutes, and write a line for each person whose available minutes took part."""
        for source, target, minutes in moves:
            self.balances[source] -= minutes
            self.balances[target] += minutes
        for person in self.people:
            mine = person.accounts()
            if any({source, target} & mine for source, target, _ in moves):
                net = sum(minutes * ((target in mine) - (source in mine)) for source, target, minutes in moves)
                person.lines.append((entry_id, net, sum(self.balances[account] for account in mine)))

    def available(self, person: Person) -> int:
        """Add up what somebody can spend today. What was withdrawn is empty anyway."""
        past = {each.account for each in person.prescriptions if each.last_day and each.last_day < self.today}
        return sum(self.balances[account] for account in person.accounts() - past)

    def trial_balance(self) -> dict[AccountKind, int]:
        """Add up each kind."""
        found: dict[AccountKind, int] = {}
        for account, kind in self.kinds.items():
            found[kind] = found.get(kind, 0) + self.balances[account]
        return found
