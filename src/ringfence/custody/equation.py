"""The money equation, read by the exchange from its own book and from what each bank reports, at any moment:

    client money at the banks = owed to clients + fees due + suspense + in settlement + in transit

*In transit* is what a bank has posted and the exchange has not booked yet: the exchange's book says up to which batch of
each bank it has got, in the same commit as the booking, so what is in transit is what the bank reports after that one, movement
by movement and each under its key, never guessed; and several processes may post at a bank or take over at the exchange. *In settlement*
is what the day's run has taken from some clients and not yet given to others, for metal too, and what rounding left over. Besides,
for each bank: what the exchange has written down as being there is what was there at that batch.

The exchange is read first and each bank is asked afterwards, so a bank can only be ahead, and being ahead is being in transit.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ringfence.custody.clearing_bank import ClearingBank
from ringfence.custody.exchange import linked
from ringfence.custody.parties import EXCHANGE
from ringfence.custody.report import Line
from ringfence.database import Store
from ringfence.ledger import Ledger


@dataclass(frozen=True, slots=True)
class BankSide:
    """One bank, in fen.

    What is there now; what was there at the batch that was taken over; the movements since then; what the exchange has
    written down as being there; and which of the members' accounts at the bank hold something, which must not be.
    """

    now_minor: int
    taken_over_minor: int
    in_transit: tuple[Line, ...]
    written_minor: int
    transit: Mapping[str, int]

    @property
    def in_transit_minor(self) -> int:
        """What the movements since then add up to, positive towards the circle."""
        return sum(line.amount_minor for line in self.in_transit)

    @property
    def agrees(self) -> bool:
        """Whether the bank's balance is its movements', and the exchange wrote down what was there."""
        return (
            self.taken_over_minor == self.written_minor
            and self.now_minor == self.taken_over_minor + self.in_transit_minor
        )


@dataclass(frozen=True, slots=True)
class Equation:
    """The equation at one moment, in fen."""

    banks: Mapping[str, BankSide]
    clients_minor: int
    fees_due_minor: int
    suspense_minor: int
    in_settlement_minor: int

    @property
    def transit_nonzero(self) -> int:
        """How many of the members' accounts at banks hold something, which must not be."""
        return sum(len(side.transit) for side in self.banks.values())

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
    """Reads the equation with the exchange's auditor's login, which can read and nothing else, and by letters to its banks.

    `banks` are those whose books are in the store too, or those that are linked already. Errors on opening: as linked.
    """

    def __init__(self, store: Store, banks: Sequence[str] | Mapping[str, ClearingBank]) -> None:
        with contextlib.ExitStack() as opening:
            self._exchange = opening.enter_context(Ledger(store, EXCHANGE, "auditor"))
            self._banks: Mapping[str, ClearingBank] = (
                banks if isinstance(banks, Mapping) else opening.enter_context(linked(store, banks))
            )
            self._open = opening.pop_all()

    def __enter__(self) -> EquationReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the book."""
        self._open.close()

    def read(self) -> Equation:
        """Read the book once, then ask every bank. What is not registered yet counts as nothing. Errors: as ClearingBank.report."""
        rows = self._exchange.rows(
            """
            SELECT k.name, coalesce(sum(a.balance), 0)::bigint, NULL::text, NULL::bigint
            FROM {0}.kind AS k
            LEFT JOIN {0}.account AS a ON a.kind = k.id AND a.unit = (SELECT id FROM {0}.unit WHERE code = 'CNY')
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
        sides = {}
        for name, bank in self._banks.items():
            amount, batch = written.get(name, (0, 0))
            report = bank.report(self._exchange.connection, batch).report
            sides[name] = BankSide(
                report.balance_minor, report.balance_after_minor, report.lines, amount, report.transit
            )
        return Equation(
            banks=sides,
            clients_minor=sums["client-cash"],
            fees_due_minor=sums["fees-due"],
            suspense_minor=sums["suspense"],
            in_settlement_minor=sum(sums[kind] for kind in ("settlement", "deferral", "rounding", "delivery")),
        )
