"""The verifier: reads a ledger's journal from its first batch to its head and tells everything that is wrong.

It recomputes the chain from the rows, replays the rules (see replay), and compares what comes out with the tables that
the kernel keeps: balances, holds, parties, accounts, kinds and routes. It reads through the auditor's login, in one
snapshot and in bounded memory: rows stream in the order of the journal.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from psycopg import sql

from ringfence.ledger.arrays import ByteaArray, DateArray, Int2Array, Int4Array, Int8Array, TextArray
from ringfence.ledger.authority import Given
from ringfence.ledger.checkpoint import Checkpoint
from ringfence.ledger.declaration import role
from ringfence.ledger.ledger import Ledger
from ringfence.ledger.replay import BOUNDS, Replay
from ringfence.ledger.rows import BatchRow, EntryRow, Finding, HoldRow, Original, PostingRow

MOST_FINDINGS = 50
_GENESIS = hashlib.sha256(b"ringfence").digest()
_PAGE = 5000
_Row = TypeVar("_Row", BatchRow, PostingRow, EntryRow, HoldRow)
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was read and what was found; a verifier stops looking after 50 findings.

    `batches` and `postings` were read, beyond the `since` batches that were verified before; `notes` are what the
    observer noted, by batch; `checkpoint` is where the next one can go on, if nothing is wrong.
    """

    ledger: str
    batches: int
    postings: int
    findings: tuple[Finding, ...]
    since: int
    notes: dict[int, int]
    checkpoint: Checkpoint | None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


Observer = Callable[[BatchRow, Replay], int | None]


def verify(ledger: Ledger, observe: Observer = lambda batch, replay: None, since: Checkpoint | None = None) -> Verdict:
    """Verify `ledger` from zero, or what was written `since` an earlier verification, and all that the kernel keeps.

    `observe` is called after each batch with the state that it left; what it returns is noted in the checkpoint. From
    zero, rows that are missing, added, changed or exchanged anywhere before the head are found; a journal that was cut
    off together with its head is not: that takes a copy of the head kept elsewhere.
    """
    with ledger.connection.transaction():
        ledger.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        ledger.connection.execute("SET LOCAL cursor_tuple_fraction = 1")
        return _Verification(ledger, observe, since).verdict()


class _Verification:
    def __init__(self, ledger: Ledger, observe: Observer, since: Checkpoint | None) -> None:
        self._ledger = ledger
        self._observe = observe
        self._replay = Replay(role(ledger.name, "owner"), self._original)
        self._link = _GENESIS
        self._recorded_at: datetime | None = None
        self._batches = 0
        self._postings = 0
        self._notes: dict[int, int] = {}
        self._findings: list[Finding] = []
        if since is not None:
            self._go_on(since)
        self._before = self._batches, self._postings

    def verdict(self) -> Verdict:
        postings = _Ahead(self._stream(PostingRow, "posting"), lambda row: row.id)
        entries = _Ahead(self._stream(EntryRow, "entry"), lambda row: row.id // 8)
        holds = _Ahead(self._stream(HoldRow, "hold"), lambda row: row.id)
        for batch in self._stream(BatchRow, "batch"):
            self._batch(batch, postings, entries, holds)
            if len(self._findings) >= MOST_FINDINGS:
                break
        else:
            for rest, name in ((postings, "posting"), (entries, "entry"), (holds, "hold")):
                if (row := rest.next()) is not None:
                    self._find(f"{name} {row.id}", "it belongs to no batch")
            self._head()
            self._tables()
        kept = None
        if not self._findings:
            kept = Checkpoint.of(self._replay, self._batches, self._postings, self._link, self._notes)
        since, read_before = self._before
        return Verdict(
            self._ledger.name,
            self._batches - since,
            self._postings - read_before,
            tuple(self._findings),
            since,
            self._notes,
            kept,
        )

    def _go_on(self, since: Checkpoint) -> None:
        since.restore(self._replay)
        self._link, self._batches, self._postings = since.link, since.batch, since.posting
        self._notes = dict(since.notes)
        rows = self._ledger.rows(
            "SELECT link, first_posting + postings - 1 FROM {}.batch WHERE id = %s", (since.batch,)
        )
        if rows != [(since.link, since.posting)]:
            self._find(f"batch {since.batch}", "it is not the one up to which this ledger was verified before")

    # -- the journal ------------------------------------------------------------------------------------------------

    def _batch(
        self, batch: BatchRow, postings: _Ahead[PostingRow], entries: _Ahead[EntryRow], holds: _Ahead[HoldRow]
    ) -> None:
        where = f"batch {batch.id}"
        if batch.id != self._batches + 1 or batch.first_posting != self._postings + 1:
            self._find(where, f"batch {self._batches + 1} from posting {self._postings + 1} on was to follow")
        last = batch.first_posting + batch.postings - 1
        written = postings.up_to(last), entries.up_to(last), holds.up_to(last)
        expected = _link(self._link, batch, *written)
        if expected != batch.link:
            self._find(where, "its link is not the hash of what it wrote and of the link before it")
        if self._recorded_at and batch.recorded_at < self._recorded_at:
            self._find(where, "it was recorded before the batch before it")
        self._recorded_at = batch.recorded_at
        self._batches = batch.id
        self._postings = last
        self._link = batch.link
        try:
            self._take(batch, *written)
        except (KeyError, ValueError, TypeError, IndexError) as error:
            self._find(where, f"it cannot be understood ({type(error).__name__}: {error})")
        note = self._observe(batch, self._replay)
        if note is not None:
            self._notes[batch.id] = note

    def _take(self, batch: BatchRow, postings: list[PostingRow], entries: list[EntryRow], holds: list[HoldRow]) -> None:
        if batch.what == "declare":
            self._replay.declare(batch.document or "")
        elif batch.what == "register":
            self._replay.register(batch.document or "")
        elif batch.what in ("grant", "bind", "confirm"):
            for wrong in self._replay.instruct(batch):
                self._find(f"batch {batch.id}", wrong)
        elif batch.what == "open":
            for wrong in self._replay.open(batch.day):
                self._find(f"batch {batch.id}", wrong)
        elif batch.what == "close" and batch.closes:
            for wrong in self._replay.close(batch.closes):
                self._find(f"batch {batch.id}", wrong)
        if batch.day != self._replay.day:
            self._find(f"batch {batch.id}", f"it is booked on {batch.day}, when {self._replay.day} was open")
        of_posting = {number: list(rows) for number, rows in itertools.groupby(entries, key=lambda row: row.id // 8)}
        of_hold = {row.id: row for row in holds}
        for number, posting in enumerate(postings, batch.first_posting):
            where = f"posting {posting.id}"
            if posting.id != number or posting.batch != batch.id:
                self._find(where, f"posting {number} of batch {batch.id} was to stand here")
            hold = of_hold.pop(posting.id, None)
            for wrong in self._replay.post(batch, posting, of_posting.pop(posting.id, []), hold):
                self._find(where, wrong)
        if len(postings) != batch.postings or of_posting or of_hold:
            self._find(f"batch {batch.id}", f"{batch.postings} postings, their entries and holds were to be in it")
        if batch.source is not None and batch.source_batch is not None:
            if batch.source_batch < self._replay.taken_over[batch.source]:
                self._find(f"batch {batch.id}", "it takes over a batch of a bank after a later one")
            self._replay.taken_over[batch.source] = batch.source_batch

    # -- what the kernel keeps ----------------------------------------------------------------------------------------

    def _head(self) -> None:
        rows = self._ledger.rows("SELECT batch, posting, link, day, closed_through FROM {}.head")
        expected = (self._batches, self._postings, self._link, self._replay.day, self._replay.closed_through)
        if rows != [expected]:
            self._find("head", "it is not the end of the journal")
        if self._before[0]:
            return
        repeated = self._ledger.rows("SELECT key FROM {}.posting GROUP BY key HAVING count(*) > 1 LIMIT 1")
        for (key,) in repeated:
            self._find(f"key {key}", "it was carried out more than once")

    def _tables(self) -> None:
        replay = self._replay
        said_of_kinds = ("name", "owner", "invariant", "one_per_owner", "zero_at_close")
        kinds = [(*(kind[name] for name in said_of_kinds), kind.get("units")) for kind in replay.kinds]
        self._compare(
            "kind",
            kinds,
            "SELECT k.id, k.name, k.owner_role, k.invariant, k.one_per_owner, k.zero_at_close, "
            "(SELECT array_agg(u.code ORDER BY y.at) FROM unnest(k.units) WITH ORDINALITY AS y (unit, at) "
            "JOIN {0}.unit AS u ON u.id = y.unit) FROM {0}.kind AS k ORDER BY k.id",
        )
        said = "name kinds same_client own_member registered_account bank_confirmed held asks finishes under back_days ahead_days"
        self._compare(
            "route",
            [(*(route[name] for name in said.split()), route["reverses"]) for route in replay.routes],
            "SELECT r.id, r.name, r.path, r.same_client, r.own_member, r.registered_account, r.bank_confirmed, r.held, r.asks, "
            "r.finishes, r.under, r.back_days, r.ahead_days, o.name "
            "FROM {0}.route AS r LEFT JOIN {0}.route AS o ON o.id = r.reverses ORDER BY r.id",
        )
        self._compare("unit", [(code,) for code in replay.units], "SELECT id, code FROM {}.unit ORDER BY id")
        self._compare(
            "party",
            [
                (
                    name,
                    replay.roles[number],
                    replay.members.get(number),
                    replay.identities.get(number),
                    replay.titles.get(number),
                )
                for name, number in replay.parties.items()
            ],
            "SELECT id, name, role, member, identity, title FROM {}.party ORDER BY id",
        )
        self._compare(
            "account",
            [
                (
                    a.kind,
                    *BOUNDS[replay.kinds[a.kind - 1]["invariant"]],
                    a.owner,
                    a.unit,
                    a.number,
                    a.ordinal,
                    a.under,
                    a.lives_until,
                    a.balance,
                    a.held_out,
                    a.held_in,
                )
                for a in replay.accounts.values()
            ],
            "SELECT id, kind, at_least, at_most, owner, unit, number, ordinal, under, lives_until, balance, held_out, held_in FROM {}.account ORDER BY id",
        )
        self._grants()
        open_holds = dict(self._ledger.rows("SELECT id, rest FROM {}.hold WHERE rest > 0"))
        if open_holds != {number: held.rest for number, held in replay.open_holds.items()}:
            self._find("hold", "what is left of holds is not what the journal makes it")
        for unit, number in replay.units.items():
            total = sum(account.balance for account in replay.accounts.values() if account.unit == number)
            if total:
                self._find(f"unit {unit}", f"all balances add up to {total}, and must to zero")

    def _original(self, number: int) -> Original | None:
        """The posting that another one reverses; it was verified when it was read."""
        found = self._ledger.rows("SELECT route, subject, amount FROM {}.posting WHERE id = %s", (number,))
        entries = self._ledger.rows(
            "SELECT account, id %% 8 FROM {}.entry WHERE id BETWEEN %s AND %s ORDER BY id", (number * 8, number * 8 + 7)
        )
        path = tuple(account for account, place in entries if place == 0 or place % 2)
        if not found or not path:
            return None
        route, subject, amount = found[0]
        return Original(route, subject, amount, path)

    def _grants(self) -> None:
        authority = self._replay.authority
        names = [name.name for name in dataclasses.fields(Given)]
        self._compare(
            "grant",
            [
                (*(getattr(grant, name) for name in names), authority.ended.get(number), authority.outstanding[number])
                for number, grant in authority.grants.items()
            ],
            f"SELECT id, {', '.join(names)}, ended, outstanding FROM {{}}.grants ORDER BY id",
        )
        counted = {(under, day): n for under, by_day in authority.used.items() for day, n in by_day.items()}
        found = {
            (under, day): used for under, day, used in self._ledger.rows("SELECT under, day, used FROM {}.grant_use")
        }
        for what in sorted(found.keys() | counted.keys()):
            # A row of nothing may stand where all was released, or taken back with its group.
            if found.get(what, 0) != counted.get(what, 0):
                self._find(f"grant {what[0]}", f"its use on {what[1]} is not what its postings add up to")
        members = self._ledger.rows("SELECT name, party FROM {}.group_member")
        if set(members) != {(group, party) for group, parties in self._replay.groups.items() for party in parties}:
            self._find("group", "groups are not what was registered")

    def _compare(self, table: str, expected: list[tuple[Any, ...]], query: str) -> None:
        found = {row[0]: row[1:] for row in self._ledger.rows(query)}
        for number, row in enumerate(expected, 1):
            stands = found.pop(number, None)
            if stands != row:
                self._find(f"{table} {number}", f"it is {stands}; the journal makes it {row}")
        for number in found:
            self._find(f"{table} {number}", "nothing in the journal made it")

    def _stream(self, kind: type[_Row], table: str) -> Iterator[_Row]:
        batches, postings = self._before
        after = {"batch": batches, "entry": postings * 8 + 7}.get(table, postings)
        query = sql.SQL("SELECT {} FROM {}.{} WHERE id > {} ORDER BY id").format(
            sql.SQL(", ").join(map(sql.Identifier, kind._fields)),
            sql.Identifier(self._ledger.name),
            sql.Identifier(table),
            sql.Literal(after),
        )
        with self._ledger.connection.cursor(name=f"verify_{table}", binary=True) as cursor:
            cursor.itersize = _PAGE
            cursor.execute(query)
            for row in cursor:
                yield kind(*row)

    def _find(self, where: str, what: str) -> None:
        self._findings.append(Finding(self._ledger.name, where, what))


class _Ahead(Generic[Row]):
    """A stream that can be taken up to a posting."""

    def __init__(self, rows: Iterable[Row], posting: Callable[[Row], int]) -> None:
        self._rows = iter(rows)
        self._posting = posting
        self._kept: Row | None = None

    def up_to(self, last: int) -> list[Row]:
        taken = []
        while (row := self.next()) is not None:
            if self._posting(row) > last:
                self._kept = row
                break
            taken.append(row)
        return taken

    def next(self) -> Row | None:
        row, self._kept = self._kept, None
        return row if row is not None else next(self._rows, None)


def _link(
    before: bytes, batch: BatchRow, postings: list[PostingRow], entries: list[EntryRow], holds: list[HoldRow]
) -> bytes:
    digests = b""
    if postings or entries or holds:
        columns = [
            Int2Array.pack([p.action for p in postings]),
            Int2Array.pack([p.route for p in postings]),
            Int4Array.pack([p.under for p in postings]),
            Int4Array.pack([p.subject for p in postings]),
            Int8Array.pack([p.amount for p in postings]),
            Int8Array.pack([p.about for p in postings]),
            Int8Array.pack([p.link for p in postings]),
            TextArray.pack_text([p.key for p in postings]),
            ByteaArray.pack([p.hash for p in postings]),
            DateArray.pack_dates([p.value_date for p in postings]),
            TextArray.pack_text([p.payee for p in postings]),
            TextArray.pack_text([p.ref for p in postings]),
            *(Int8Array.pack([entry[column] for entry in entries]) for column in range(4)),
            *(
                Int8Array.pack([getattr(hold, side) for hold in holds])
                for side in ("id", "side1", "side2", "side3", "side4")
            ),
            DateArray.pack_dates([hold.expires for hold in holds]),
        ]
        digests = b"".join(hashlib.sha256(column).digest() for column in columns)
    line = "|".join(
        str(part)
        for part in (
            batch.id,
            batch.what,
            batch.recorded_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f"),
            batch.day,
            batch.login,
            batch.first_posting,
            batch.postings,
            batch.source or 0,
            batch.source_batch or 0,
            batch.closes or "-",
            hashlib.sha256((batch.document or "").encode()).hexdigest(),
            hashlib.sha256((batch.key or "").encode()).hexdigest(),
        )
    )
    return hashlib.sha256(before + digests + line.encode()).digest()
