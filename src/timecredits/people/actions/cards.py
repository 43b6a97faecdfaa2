"""Cards and PINs: giving them, checking them, counting tries."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from sqlalchemy.orm import Session

from timecredits import audit
from timecredits.access import Actor, Permission
from timecredits.errors import Refused
from timecredits.people import queries
from timecredits.people.models import Card

# 31 characters, a prime, without the look-alikes 0 O 1 I L. The last of eight is a check on the other seven.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTH = 8
MOST_TRIES = 5
LOCK = timedelta(minutes=15)
MOST_LOCKOUTS = 3
LOCKOUTS_COUNT_FOR = timedelta(days=1)


class TrivialPin(Refused):
    """A PIN that anybody would try first."""

    title = "Choose another PIN"
    remembered = False
    words = "That PIN is too easy to guess. Choose four digits that are not a row and not all the same."
    explanation = (
        "A PIN is four digits, chosen by the person. Rows such as 1234 and repeats such as 1111 or 1212 are refused."
    )


class WrongPin(Refused):
    """The PIN is not this card's."""

    title = "Wrong PIN"
    words = "That PIN does not go with this card."
    explanation = "After five wrong tries a card is locked for 15 minutes."
    remembered = False
    leaves_traces = True


class CardLocked(Refused):
    """Too many wrong PINs."""

    title = "The card is locked"
    words = "This card is locked for a while after too many wrong PINs."
    explanation = (
        "Five wrong PINs lock a card for 15 minutes. After three such locks in a day a worker or a group leader "
        "unlocks it. The credits on it are safe."
    )
    remembered = False


class UnknownCard(Refused):
    """No card that is in use has this number."""

    title = "Unknown card"
    words = "There is no card with this number. Check each character."
    explanation = "The number is mistyped, or the card was replaced. Card numbers have eight letters and digits."


def check_character(digits: str) -> str:
    """Work out the check character: weights 1 to 7 modulo the prime 31 find one wrong character or two swapped."""
    total = sum(weight * ALPHABET.index(digit) for weight, digit in enumerate(digits, start=1))
    return ALPHABET[total % len(ALPHABET)]


def normalise(number: str) -> str:
    """Give a card number as it is stored: capitals, no blanks or dashes. Raises UnknownCard where it cannot be one."""
    plain = number.upper().replace("-", "").replace(" ", "")
    if len(plain) != LENGTH or not set(plain) <= set(ALPHABET) or plain[-1] != check_character(plain[:-1]):
        raise UnknownCard
    return plain


def pin_hmac(pin_key: bytes, programme_id: UUID, number: str, pin: str) -> bytes:
    """Hash a PIN with the server's key: without the key, 10,000 guesses at a stolen table find nothing."""
    return hmac.digest(pin_key, b"pin" + programme_id.bytes + number.encode() + pin.encode(), hashlib.sha256)


def new_numbers(session: Session, actor: Actor, count: int) -> set[str]:
    """Choose so many random card numbers that no card of the programme has had."""
    found: set[str] = set()
    while len(found) < count:
        digits = ["".join(secrets.choice(ALPHABET) for _ in range(LENGTH - 1)) for _ in range(count - len(found))]
        found |= {number + check_character(number) for number in digits}
        found -= queries.numbers_in_use(session, actor, found)
    return found


def issue_card(
    session: Session,
    actor: Actor,
    *,
    person_id: UUID,
    number: str,
    pin: str | None,
    pin_key: bytes,
    now: datetime,
) -> Card:
    """Give a person a card with one of `new_numbers`. Raises TrivialPin."""
    card = Card(programme_id=actor.programme_id, person_id=person_id, number=number, created_at=now)
    if pin is not None:
        _refuse_trivial(pin)
        card.pin_hmac = pin_hmac(pin_key, actor.programme_id, card.number, pin)
    session.add(card)
    return card


def set_pin(session: Session, actor: Actor, *, person_id: UUID, pin: str, pin_key: bytes, now: datetime) -> Card:
    """Set the PIN that the person chose, and unlock the card. Raises Forbidden, NotFound, TrivialPin.

    A PIN that is there already is replaced by the person, a worker or a coordinator: a group comes to know people by
    their cards, and must not get hold of their credits by that.
    """
    card = _own_or_registered(session, actor, person_id)
    if card.pin_hmac is not None and actor.person_id != person_id:
        actor.require(Permission.RESET_PIN)
    _refuse_trivial(pin)
    card.pin_hmac = pin_hmac(pin_key, actor.programme_id, card.number, pin)
    _forget_tries(card)
    audit.record(session, actor, action="set_pin", subject_id=person_id, now=now)
    session.flush()
    return card


def unlock_card(session: Session, actor: Actor, *, person_id: UUID, now: datetime) -> Card:
    """Forget the wrong tries on a person's card. Raises Forbidden, NotFound."""
    actor.require(Permission.REGISTER_PEOPLE)
    card = _own_or_registered(session, actor, person_id)
    _forget_tries(card)
    audit.record(session, actor, action="unlock_card", subject_id=person_id, now=now)
    session.flush()
    return card


def prove(session: Session, actor: Actor, *, card_number: str, pin: str, pin_key: bytes, now: datetime) -> Card:
    """Compare a PIN under the lock of its card: a right one forgets the wrong tries, a wrong one is counted.

    The count is committed with the refusal and before anybody hears of it; guesses that are made all at once wait for
    each other. Raises UnknownCard, CardLocked, WrongPin. A card without a PIN has no right one.
    """
    number = normalise(card_number)
    card = queries.card_by_number(session, actor, number, lock=True)
    if card is None:
        raise UnknownCard
    if card.lockouts >= MOST_LOCKOUTS or (card.locked_until is not None and now < card.locked_until):
        raise CardLocked(retry_after_seconds=_seconds_locked(card, now))
    expected = card.pin_hmac or bytes(32)
    if not hmac.compare_digest(expected, pin_hmac(pin_key, actor.programme_id, number, pin)):
        _count_try(card, now)
        session.flush()
        raise WrongPin
    _forget_tries(card)
    session.flush()
    return card


def _own_or_registered(session: Session, actor: Actor, person_id: UUID) -> Card:
    if actor.person_id != person_id:
        actor.require(Permission.REGISTER_PEOPLE)
    return queries.card_of(session, actor, person_id, lock=True)


def _count_try(card: Card, now: datetime) -> None:
    """Count a wrong PIN. The fifth locks the card, and three such locks count together if within a day of the first."""
    if card.lockouts_since is None or card.lockouts_since < now - LOCKOUTS_COUNT_FOR:
        card.lockouts, card.lockouts_since = 0, now
    card.tries, card.locked_until = card.tries + 1, None
    if card.tries >= MOST_TRIES:
        card.tries, card.locked_until = 0, now + LOCK
        card.lockouts += 1


def _forget_tries(card: Card) -> None:
    card.tries = card.lockouts = 0
    card.locked_until = card.lockouts_since = None


def _refuse_trivial(pin: str) -> None:
    steps = {int(after) - int(before) for before, after in pairwise(pin)}
    if steps in ({0}, {1}, {-1}) or pin[:2] == pin[2:]:
        raise TrivialPin


def _seconds_locked(card: Card, now: datetime) -> int:
    """Say how long it makes sense to wait. A card that somebody must unlock has no such time: say a day."""
    if card.lockouts >= MOST_LOCKOUTS or card.locked_until is None:
        return int(LOCKOUTS_COUNT_FOR.total_seconds())
    return max(1, int((card.locked_until - now).total_seconds()))
