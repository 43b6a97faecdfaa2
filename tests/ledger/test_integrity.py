"""A row that was edited behind the ledger's back is found and named."""

import re

import pytest
from sqlalchemy import text

from tests.conftest import NOW, make_programme
from tests.ledger.books import Books
from tests.ledger.conftest import Forge, History
from timecredits import ledger
from timecredits.ledger import Posted
from timecredits.ledger.integrity import _SETTINGS
from timecredits.ledger.rules import RULES


def test_an_untouched_ledger_is_consistent_and_is_counted(books: Books, history: History) -> None:
    assert books.disagreement() is None
    with books.transaction() as session:
        found = ledger.check(session, books.id, now=NOW)
    assert (found.consistent, found.programme_id, found.checked_at) == (True, books.id, NOW)
    with books.transaction() as session:
        whole = ledger.entries(session, books.id, limit=1_000)
        assert found.entries == len(whole)
        assert {entry.id for entry in whole} >= {each.entry_id for each in history if isinstance(each, Posted)}
        assert found.accounts == session.scalar(text("SELECT count(*) FROM account"))


# What is changed in the second transfer of the spend.
TRANSFER = {
    "entry_id": "entry_id = {gift}",
    "leg": "leg = 9",
    "kind": "kind = 'donate'",
    "kind, to one that those accounts could have": "kind = 'reverse', source_id = target_id, target_id = source_id",
    "source_id": "source_id = {other}",
    "source_id, to none": "source_id = {new}",
    "target_id": "target_id = {new}",
    "minutes, more": "minutes = minutes + 1",
    "minutes, less": "minutes = minutes - 1",
    "source_seq, too late": "source_seq = 77",
    "source_seq, that it has as a target": "source_seq = 1",
    "source_after": "source_after = source_after - 1",
    "target_seq": "target_seq = 77",
    "target_after": "target_after = target_after + 1",
    "recorded_at": "recorded_at = recorded_at + interval '1 microsecond'",
}


@pytest.mark.parametrize("change", TRANSFER.values(), ids=TRANSFER.keys())
def test_a_changed_transfer_is_named(books: Books, history: History, forge: Forge, change: str) -> None:
    forge(f"UPDATE transfer SET {change} WHERE entry_id = {{spend}} AND leg = 2")
    found = books.disagreement()
    assert found is not None
    assert str(history.spend.entry_id) in found or str(history.gift.entry_id) in found, found


ACCOUNT = {
    "balance, more": ("earned", "balance = balance + 1"),
    "balance, less": ("earned", "balance = balance - 1"),
    "version": ("earned", "version = version + 1"),
    "posted_at": ("earned", "posted_at = posted_at + interval '1 second'"),
    "posted_at, never": ("earned", "posted_at = NULL"),
    "the fund's balance": ("fund", "balance = balance - 1"),
}


@pytest.mark.parametrize(("account", "change"), ACCOUNT.values(), ids=ACCOUNT.keys())
def test_a_changed_account_is_named(books: Books, history: History, forge: Forge, account: str, change: str) -> None:
    forge(f"UPDATE account SET {change} WHERE id = {{{account}}}")
    found = books.disagreement()
    assert found is not None
    assert str(books.fund if account == "fund" else history.earned) in found, found


@pytest.mark.parametrize(
    "became",
    [
        ("prescribed", "kind = 'earned'", "prescribe"),
        ("prescribed", "origin_id = NULL", "prescribe"),
        ("prescribed", "origin_id = {fund}", "prescribe"),
        ("held", "owner_id = {other}", "hold"),
        ("held", "owner_id = NULL", "hold"),
        ("held", "kind = 'partner'", "hold"),
    ],
)
def test_an_account_that_became_another_makes_its_first_transfer_illegal(
    books: Books, history: History, forge: Forge, became: tuple[str, str, str]
) -> None:
    account, change, entry = became
    forge(f"UPDATE account SET {change} WHERE id = {{{account}}}")
    posted: Posted = getattr(history, entry)
    assert (books.disagreement() or "").startswith(f"transfer {posted.entry_id}/1: {posted.request.kind} from ")


ENTRY = {
    "kind": ("gift", "kind = 'donate'"),
    "recorded_at": ("gift", "recorded_at = recorded_at - interval '1 microsecond'"),
    "reverses, another": ("reverse", "reverses = {spend}"),
    "reverses, though it is a gift": ("gift", "reverses = {spend}, kind = 'reverse'"),
    "id": ("spend", "id = {new}"),
}


@pytest.mark.parametrize(("entry", "change"), ENTRY.values(), ids=ENTRY.keys())
def test_a_changed_entry_is_named(books: Books, history: History, forge: Forge, entry: str, change: str) -> None:
    forge(f"UPDATE journal_entry SET {change} WHERE id = {{{entry}}}")
    found = books.disagreement()
    assert found is not None
    assert str(getattr(history, entry).entry_id) in found or change == "id = {new}", found


def test_an_entry_moved_in_time_with_all_its_transfers_is_named(books: Books, history: History, forge: Forge) -> None:
    for hours in (-1, 1):
        forge(f"UPDATE journal_entry SET recorded_at = recorded_at + interval '{hours} hour' WHERE id = {{hold}}")
        forge(f"UPDATE transfer SET recorded_at = recorded_at + interval '{hours} hour' WHERE entry_id = {{hold}}")
        found = books.disagreement()
        if hours < 0:
            assert str(history.hold.entry_id) in (found or "")
    assert found is None


def test_an_entry_recorded_at_the_very_time_of_the_one_before_it_is_named(
    books: Books, history: History, forge: Forge
) -> None:
    for table, name in (("journal_entry", "id"), ("transfer", "entry_id")):
        forge(f"UPDATE {table} SET recorded_at = '{history.gift.recorded_at}' WHERE {name} = {{reverse}}")
    assert str(history.reverse.entry_id) in (books.disagreement() or "")


def test_a_removed_transfer_is_missed(books: Books, history: History, forge: Forge) -> None:
    forge("DELETE FROM transfer WHERE entry_id = {spend} AND leg = 2")
    assert str(history.earned) in (books.disagreement() or "")


def test_the_first_of_two_transfers_is_missed(books: Books, history: History, forge: Forge) -> None:
    forge("DELETE FROM transfer WHERE entry_id = {spend} AND leg = 1")
    assert (books.disagreement() or "") == f"entry {history.spend.entry_id} has no transfer number 1"


def test_an_entry_without_transfers_is_named(books: Books, history: History, forge: Forge) -> None:
    forge("DELETE FROM transfer WHERE entry_id = {gift}")
    assert str(history.gift.entry_id) in (books.disagreement() or "")


def test_a_removed_entry_and_a_removed_account_are_missed(books: Books, history: History, forge: Forge) -> None:
    forge("DELETE FROM account WHERE id = {held}")
    assert str(history.hold.entry_id) in (books.disagreement() or "")
    forge("DELETE FROM journal_entry WHERE id = {prescribe}")
    assert str(history.prescribe.entry_id) in (books.disagreement() or "")


def test_a_last_transfer_removed_with_its_balances_put_right_is_still_found(
    books: Books, history: History, forge: Forge
) -> None:
    for account, change in (("earned", "- 10"), ("other", "+ 10")):
        forge(f"UPDATE account SET balance = balance {change}, version = version - 1 WHERE id = {{{account}}}")
    forge("DELETE FROM transfer WHERE entry_id = {reverse}")
    assert str(history.reverse.entry_id) in (books.disagreement() or "")
    forge("DELETE FROM journal_entry WHERE id = {reverse}")
    assert re.match(f"account ({history.earned}|{history.other}) has", books.disagreement() or "")


def test_what_is_wrong_in_one_programme_is_not_anothers(books: Books, forge: Forge) -> None:
    other = Books(make_programme(books.programme.sessions))
    forge("UPDATE account SET balance = balance + 1 WHERE id = {earned}")
    assert books.disagreement() is not None
    assert other.disagreement() is None


def test_nothing_is_compared_row_by_row_though_nothing_is_known_of_a_new_programme(
    books: Books, history: History
) -> None:
    assert history.spend.entry_id
    with books.transaction() as session:
        session.execute(_SETTINGS)
        for rule in RULES:
            explained = session.execute(text(f"EXPLAIN {rule.first_exception}"), {"programme_id": books.id}).scalars()
            assert "Nested Loop" not in "\n".join(explained), rule.name
