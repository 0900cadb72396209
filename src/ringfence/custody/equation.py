"""The money equation, read from every book at any moment:

    client money at the banks = owed to clients + fees due + suspense + in settlement + in transit

*In transit* is what a bank has posted and the exchange has not booked yet: the exchange's book says up to which batch of
each bank it has got, so what is in transit is read from the bank's batches after that one, never guessed. *In settlement*
is what the day's run has taken from some clients and not yet given to others; it is zero when the day is closed. Besides,
for each bank: what the exchange has written down as being there is what was there at that batch.

The exchange is read first and each bank afterwards, so a bank can only be ahead, and being ahead is being in transit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ringfence.custody.circle import EXCHANGE
from ringfence.custody.report import BankBatch, report_after, taken_over
from ringfence.database import Store
from ringfence.ledger import Ledger


@dataclass(frozen=True, slots=True)
class BankSide:
    """One bank, in fen.

    What is there now; what was there at the batch that was taken over; what the movements since then add up to, positive
    towards the circle; and what the exchange has written down as being there.
    """

    now_minor: int
    taken_over_minor: int
    in_transit_minor: int
    written_minor: int

    @property
    def agrees(self) -> bool:
        """Whether the bank's balance is its movements', and the exchange wrote down what was there."""
        return (
            self.taken_over_minor == self.written_minor
            and self.now_minor == self.taken_over_minor + self.in_transit_minor
        )


@dataclass(frozen=True, slots=True)
class Equation:
    """The equation at one moment, in fen. `transit_nonzero` counts accounts that must be zero and are not."""

    banks: Mapping[str, BankSide]
    clients_minor: int
    fees_due_minor: int
    suspense_minor: int
    in_settlement_minor: int
    transit_nonzero: int

    @property
    def at_banks_minor(self) -> int:
        """Client money at all banks."""
        return sum(side.now_minor for side in self.banks.values())

    @property
    def in_transit_minor(self) -> int:
        """What is in transit at all banks together."""
        return sum(side.in_transit_minor for side in self.banks.values())

    @property
    def difference_minor(self) -> int:
        """What the banks hold beyond what is accounted for; not 0 means that the equation does not hold."""
        accounted = self.clients_minor + self.fees_due_minor + self.suspense_minor + self.in_settlement_minor
        return self.at_banks_minor - accounted - self.in_transit_minor

    @property
    def holds(self) -> bool:
        """Whether everything is accounted for, in total and at each bank, and no transit account holds anything."""
        each = all(side.agrees for side in self.banks.values())
        return self.difference_minor == 0 and each and self.transit_nonzero == 0


class EquationReader:
    """Reads the equation with the auditors' logins, which can read and nothing else."""

    def __init__(self, store: Store, banks: Sequence[str]) -> None:
        self._exchange = Ledger(store, EXCHANGE, "auditor")
        self._banks = {bank: Ledger(store, bank, "auditor") for bank in banks}

    def __enter__(self) -> EquationReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the books."""
        for ledger in (self._exchange, *self._banks.values()):
            ledger.close()

    def read(self) -> Equation:
        """Read all books once, the exchange's first. What is not registered yet counts as nothing."""
        rows = self._exchange.rows(
            """
            SELECT k.name, coalesce(sum(a.balance), 0)::bigint, NULL::text, NULL::bigint
            FROM {0}.kind AS k LEFT JOIN {0}.account AS a ON a.kind = k.id
            WHERE k.name <> 'bank-cash' GROUP BY k.name
            UNION ALL
            SELECT 'bank-cash', a.balance, b.name,
                coalesce((SELECT max(source_batch) FROM {0}.batch WHERE source = b.id), 0)
            FROM {0}.account AS a JOIN {0}.kind AS k ON k.id = a.kind AND k.name = 'bank-cash'
            JOIN {0}.party AS b ON b.id = a.owner
            """
        )
        sums = {kind: amount for kind, amount, bank, _ in rows if bank is None}
        written = {bank: (-amount, batch) for _, amount, bank, batch in rows if bank is not None}
        sides, nonzero = {}, 0
        for bank, ledger in self._banks.items():
            amount, batch = written.get(bank, (0, 0))
            ((now, then, since, transit),) = ledger.rows(
                """
                WITH circle AS (
                    SELECT a.id, a.balance FROM {0}.account AS a
                    JOIN {0}.kind AS k ON k.id = a.kind AND k.name = 'exchange-client-money'
                ), reached AS (
                    SELECT 8 * coalesce((SELECT first_posting + postings FROM {0}.batch WHERE id = %s), 1) AS entry
                )
                SELECT coalesce((SELECT balance FROM circle), 0),
                    coalesce((SELECT e.balance FROM {0}.entry AS e
                        WHERE e.account = (SELECT id FROM circle) AND e.id < (SELECT entry FROM reached)
                        ORDER BY e.id DESC LIMIT 1), 0),
                    coalesce((SELECT sum(e.amount) FROM {0}.entry AS e
                        WHERE e.account = (SELECT id FROM circle) AND e.id >= (SELECT entry FROM reached)), 0)::bigint,
                    (SELECT count(*) FROM {0}.account WHERE at_least = 0 AND at_most = 0 AND balance <> 0)
                """,
                (batch,),
            )
            sides[bank] = BankSide(now, then, since, amount)
            nonzero += transit
        return Equation(
            banks=sides,
            clients_minor=sums["client-cash"],
            fees_due_minor=sums["fees-due"],
            suspense_minor=sums["suspense"],
            in_settlement_minor=sums["settlement"] + sums["deferral"],
            transit_nonzero=nonzero,
        )

    def in_transit(self) -> list[BankBatch]:
        """The bank batches that the exchange has not booked yet: what in transit is made of."""
        reached = taken_over(self._exchange)
        for ledger in self._banks.values():
            ledger.refresh()
        return [batch for bank, ledger in self._banks.items() for batch in report_after(ledger, reached.get(bank, 0))]
