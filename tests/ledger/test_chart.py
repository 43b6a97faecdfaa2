"""Which transfers are legal: the whole chart is walked, pair by pair."""

from datetime import datetime
from itertools import product
from uuid import UUID, uuid4

import pytest

from tests.conftest import NOW
from tests.ledger.books import TODAY, Books, asks, code, moves
from timecredits import ledger
from timecredits.errors import NotFound
from timecredits.ledger import AccountKind, EntryKind, TransferKind
from timecredits.ledger.chart import HOLDS, PUT_RIGHT_BY, REVERSIBLE
from timecredits.ledger.judging import judge
from timecredits.ledger.requests import AccountState

# The chart as a table of the design has it, written down a second time: transfer, from, to.
CHART = """
allocate           fund                           prescribing_pot group_pot community_pot
return_allocation  prescribing_pot group_pot community_pot  fund
prescribe          prescribing_pot                prescribed companion
withdraw           prescribed companion           prescribing_pot expired
expire             prescribed companion           prescribing_pot expired
earn               group_pot                      earned
spend              prescribed companion earned    partner group_pot
hold               prescribed companion earned    held
release            held                           prescribed companion earned
gift               earned                         earned
donate             earned                         community_pot group_pot
grant              community_pot                  group_pot
recycle            partner                        community_pot
print_note         group_pot earned               notes
redeem_note        notes                          partner group_pot
deposit_note       notes                          earned
void_note          notes                          group_pot earned
merge              earned                         earned
merge              held                           held
"""
MIRRORED = ("allocate", "earn", "spend", "gift", "donate", "grant", "recycle")


def _legal() -> set[tuple[str, str, str]]:
    kinds = set(AccountKind)
    found = set()
    for line in CHART.strip().splitlines():
        transfer, *rest = line.split("  ")
        sources, targets = [part.split() for part in rest if part.strip()]
        assert set(sources) | set(targets) <= kinds
        found |= set(product([transfer], sources, targets))
    return found | {("reverse", target, source) for transfer, source, target in found if transfer in MIRRORED}


LEGAL = _legal()
ALL = sorted(product(TransferKind, AccountKind, AccountKind))


def _account(kind: AccountKind, *, owner_id: UUID | None, origin_id: UUID | None = None) -> AccountState:
    balance, floor = (-5_000, -10_000) if kind is AccountKind.FUND else (1_000, 0)
    posted_at: datetime | None = NOW
    return AccountState(uuid4(), kind, owner_id, origin_id, balance, floor, 1, posted_at, None, closed=False)


def _judge(kind: TransferKind, source: AccountState, target: AccountState) -> str:
    (outcome,) = judge(
        {source.id: source, target.id: target}, [moves(kind, source.id, target.id, 60)], now=NOW, today=TODAY
    )
    return code(outcome)


def test_every_pair_of_accounts_takes_exactly_the_transfers_of_the_chart() -> None:
    allowed = set()
    for transfer, source_kind, target_kind in ALL:
        owner_id = uuid4()
        source, target = _account(source_kind, owner_id=owner_id), _account(target_kind, owner_id=owner_id)
        # Tied in every way there is, so that only the kinds decide.
        source.origin_id, target.origin_id = target.id, source.id
        found = _judge(transfer, source, target)
        assert found in {"posted", "illegal_transfer"}
        if found == "posted":
            allowed.add((transfer.value, source_kind.value, target_kind.value))
        else:
            assert (source.version, target.version) == (1, 1)
    assert allowed == LEGAL


def test_accounts_that_are_not_tied_are_refused_where_the_chart_asks_for_a_tie() -> None:
    tied = set()
    for transfer, source_kind, target_kind in LEGAL:
        source, target = (
            _account(AccountKind(kind), owner_id=uuid4(), origin_id=uuid4()) for kind in (source_kind, target_kind)
        )
        if _judge(TransferKind(transfer), source, target) == "illegal_transfer":
            tied.add((transfer, source_kind, target_kind))
    pots = {"prescribed", "companion"}
    assert tied == (
        {("allocate", "fund", "prescribing_pot"), ("return_allocation", "prescribing_pot", "fund")}
        | set(product(["prescribe"], ["prescribing_pot"], pots))
        | set(product(["withdraw", "expire"], pots, ["prescribing_pot"]))
        | set(product(["hold"], [*pots, "earned"], ["held"]))
        | set(product(["release"], ["held"], [*pots, "earned"]))
    )


@pytest.mark.parametrize(
    ("transfer", "source_kind", "target_kind"),
    [
        (TransferKind.ALLOCATE, AccountKind.FUND, AccountKind.PRESCRIBING_POT),
        (TransferKind.PRESCRIBE, AccountKind.PRESCRIBING_POT, AccountKind.PRESCRIBED),
    ],
)
def test_what_feeds_is_the_targets_origin_and_not_the_other_way_round(
    transfer: TransferKind, source_kind: AccountKind, target_kind: AccountKind
) -> None:
    source, target = _account(source_kind, owner_id=None), _account(target_kind, owner_id=None)
    source.origin_id = target.id
    assert _judge(transfer, source, target) == "illegal_transfer"
    source.origin_id, target.origin_id = None, source.id
    assert _judge(transfer, source, target) == "posted"


@pytest.mark.parametrize(
    ("transfer", "source_kind", "target_kind"),
    [
        (TransferKind.RETURN_ALLOCATION, AccountKind.PRESCRIBING_POT, AccountKind.FUND),
        (TransferKind.WITHDRAW, AccountKind.PRESCRIBED, AccountKind.PRESCRIBING_POT),
        (TransferKind.EXPIRE, AccountKind.COMPANION, AccountKind.PRESCRIBING_POT),
    ],
)
def test_what_returns_goes_to_the_sources_origin_and_nowhere_else(
    transfer: TransferKind, source_kind: AccountKind, target_kind: AccountKind
) -> None:
    source, target = _account(source_kind, owner_id=None), _account(target_kind, owner_id=None)
    target.origin_id = source.id
    assert _judge(transfer, source, target) == "illegal_transfer"
    source.origin_id, target.origin_id = target.id, None
    assert _judge(transfer, source, target) == "posted"


def test_a_hold_stays_with_its_owner_and_two_accounts_of_nobody_have_no_owner_in_common() -> None:
    asha, bilal = uuid4(), uuid4()
    for source_owner, target_owner, said in [
        (asha, asha, "posted"),
        (asha, bilal, "illegal_transfer"),
        (None, None, "illegal_transfer"),
        (asha, None, "illegal_transfer"),
    ]:
        source = _account(AccountKind.EARNED, owner_id=source_owner)
        held = _account(AccountKind.HELD, owner_id=target_owner)
        assert _judge(TransferKind.HOLD, source, held) == said
        assert _judge(TransferKind.RELEASE, held, source) == said


def test_no_account_moves_minutes_to_itself() -> None:
    earned = _account(AccountKind.EARNED, owner_id=uuid4())
    assert _judge(TransferKind.GIFT, earned, earned) == "illegal_transfer"
    assert (earned.balance, earned.version) == (1_000, 1)


def test_an_account_that_does_not_exist_is_not_found(books: Books) -> None:
    for source_id, target_id in [(books.fund, uuid4()), (uuid4(), books.group)]:
        with pytest.raises(NotFound):
            books.move(TransferKind.ALLOCATE, source_id, target_id, 60)


def test_an_entry_holds_transfers_of_its_own_kind_and_three_hold_what_moves_on_too() -> None:
    held = {(entry, transfer) for entry in EntryKind for transfer in TransferKind if transfer in HOLDS[entry]}
    own = {(EntryKind(kind.value), kind) for kind in TransferKind}
    assert held - own == {
        (EntryKind.CAPTURE, TransferKind.RELEASE),
        (EntryKind.CAPTURE, TransferKind.SPEND),
        (EntryKind.CAPTURE, TransferKind.EXPIRE),
        (EntryKind.RELEASE, TransferKind.EXPIRE),
        (EntryKind.REVERSE, TransferKind.EXPIRE),
    }
    assert own <= held


def test_a_transfer_in_an_entry_of_another_kind_is_refused() -> None:
    for entry, transfer in product(EntryKind, TransferKind):
        if transfer is TransferKind.REVERSE or transfer in HOLDS[entry]:
            continue
        _, source_kind, target_kind = min(case for case in LEGAL if case[0] == transfer)
        owner_id = uuid4()
        source = _account(AccountKind(source_kind), owner_id=owner_id)
        target = _account(AccountKind(target_kind), owner_id=owner_id)
        source.origin_id, target.origin_id = target.id, source.id
        request = asks(entry, ledger.movement(transfer, source.id, target.id, 60))
        (outcome,) = judge({source.id: source, target.id: target}, [request], now=NOW, today=TODAY)
        assert code(outcome) == "illegal_transfer", (entry, transfer)


def test_an_entry_is_reversed_or_names_the_action_that_puts_it_right() -> None:
    assert {kind.value for kind in REVERSIBLE} == set(MIRRORED)
    assert set(PUT_RIGHT_BY) == {kind for kind in EntryKind if kind.value not in MIRRORED}


def test_every_legal_transfer_posts_on_postgresql_and_the_replay_finds_it_legal_too(books: Books) -> None:
    requests = []
    for transfer, source_kind, target_kind in sorted(LEGAL):
        if transfer != TransferKind.REVERSE:
            owner_id = uuid4()
            source_id, target_id = _open(books, source_kind, owner_id), _open(books, target_kind, owner_id)
            books.fill(source_id, 60)
            requests.append(moves(TransferKind(transfer), source_id, target_id, 60))
    assert [code(outcome) for outcome in books.post(*requests)] == ["posted"] * len(requests)
    assert books.disagreement() is None


def _open(books: Books, kind: str, owner_id: UUID) -> UUID:
    if kind in {AccountKind.FUND, AccountKind.PRESCRIBING_POT}:
        return books.fund if kind == AccountKind.FUND else books.pot
    return books.open(AccountKind(kind), owner_id=owner_id, origin_id=books.pot)
