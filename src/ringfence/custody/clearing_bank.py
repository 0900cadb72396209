"""A clearing bank as the exchange knows it: by its letters, and by nothing else."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import psycopg

from ringfence.custody.orders import MOST_ORDERS, Answer, Order, OrderRefused
from ringfence.custody.report import Report
from ringfence.errors import BadInput, Language, RingfenceError
from ringfence.ledger import Binding, Refused
from ringfence.links import Correspondent, Letter, LetterBox, Transport


class ReportRefused(RingfenceError):
    """What `bank` reports cannot be: `detail`. Nothing is booked from it; a person must look."""

    code = "report-refused"
    template: ClassVar[dict[Language, str]] = {
        "en": "what {bank} reports cannot be: {detail}; nothing is booked from it",
        "zh": "{bank} 的报告不能成立:{detail};不据以记账",
    }


class Reported(NamedTuple):
    """A report, the letter that it came in, and by whom that was signed."""

    report: Report
    letter: Letter
    by: Correspondent


class Funds(NamedTuple):
    """What stands at a bank for clients that cannot pay, in fen: by member, and of the exchange."""

    guarantees_minor: Mapping[str, int]
    reserve_minor: int

    @classmethod
    def together(cls, all_funds: Iterable[Funds]) -> Funds:
        """What stands at several banks."""
        guarantees: Counter[str] = Counter()
        reserve = 0
        for funds in all_funds:
            guarantees.update(funds.guarantees_minor)
            reserve += funds.reserve_minor
        return cls(guarantees, reserve)


@dataclass(frozen=True, slots=True)
class ClearingBank:
    """The clearing bank `name`, over a `transport`, in the exchange's name. Each call takes a connection of the exchange's book."""

    name: str
    box: LetterBox
    transport: Transport

    def report(self, connection: psycopg.Connection[Any], after: int) -> Reported:
        """Ask what has happened on the exchange's account after the bank's batch `after`.

        Errors: NoAnswer; LetterRefused; ReportRefused for a report of something else, or whose figures do not add up.
        """
        asked = self.box.write(self.name, "report", {"after": after})
        letter, by = self._ask(connection, asked)
        try:
            report = Report.from_document(self.name, letter.content)
        except BadInput as error:
            raise ReportRefused(bank=self.name, detail=error.text("en")) from error
        batches = [line.batch for line in report.lines]
        if report.after != after or report.through < after:
            raise ReportRefused(bank=self.name, detail=f"asked after batch {after}, told up to {report.through}")
        if batches != sorted(batches) or (batches and not after < batches[0] <= batches[-1] <= report.through):
            raise ReportRefused(bank=self.name, detail="movements of batches that are not reported")
        return Reported(report, letter, by)

    def order(
        self, connection: psycopg.Connection[Any], orders: Sequence[Order], *, whole: bool = False
    ) -> list[OrderRefused | None]:
        """Order from the bank; for each order None where it was carried out, now or before, and else why not.

        `whole`: all of them or none. `connection` is of a login that acts upon letters. Errors: NoAnswer, which leaves it unknown
        what was carried out; LetterRefused; BadInput for more than 2,000 orders that are to be whole.
        """
        if whole and len(orders) > MOST_ORDERS:
            raise BadInput("orders", len(orders), f"at most {MOST_ORDERS:,} that are to be whole")
        refusals: list[OrderRefused | None] = []
        for start in range(0, len(orders), MOST_ORDERS):
            part = orders[start : start + MOST_ORDERS]
            content = {"orders": [order.document() for order in part], "whole": whole}
            answers = [Answer.from_document(said) for said in self._act(connection, "orders", content)["answers"]]
            refusals += [
                None if answer.posting is not None else OrderRefused(self.name, order, answer)
                for order, answer in zip(part, answers, strict=True)
            ]
        return refusals

    def funds(self, connection: psycopg.Connection[Any]) -> Funds:
        """Ask what stands there for clients that cannot pay. Errors: NoAnswer; LetterRefused."""
        letter, _ = self._ask(connection, self.box.write(self.name, "funds", {}))
        guarantees = {str(member): int(amount) for member, amount in letter.content["member-guarantee"].items()}
        return Funds(guarantees, sum(map(int, letter.content["exchange-reserve"].values())))

    def open_day(self, connection: psycopg.Connection[Any], day: datetime.date) -> None:
        """Let the bank open a booking day where it is not over. Errors: NoAnswer; LetterRefused."""
        self._act(connection, "day", {"open": day.isoformat()})

    def close_day(self, connection: psycopg.Connection[Any], day: datetime.date) -> None:
        """Let the bank close every day up to that one. Errors: NoAnswer; LetterRefused."""
        self._act(connection, "day", {"close": day.isoformat()})

    def bindings(self, connection: psycopg.Connection[Any], says: Iterable[Binding]) -> list[Binding]:
        """Tell what the exchange says of clients' accounts; what the bank says of those, and of those that wait there.

        Errors: Refused where the two do not say the same; NoAnswer; LetterRefused.
        """
        content = self._act(connection, "bindings", {"says": [list(binding) for binding in says]})
        if "refused" in content:
            raise Refused(**content["refused"])
        return [Binding(*map(str, said)) for said in content["says"]]

    def _act(self, connection: psycopg.Connection[Any], kind: str, content: dict[str, Any]) -> Mapping[str, Any]:
        numbered = content | {"number": self.box.number(connection)}
        letter, _ = self._ask(connection, self.box.write(self.name, kind, numbered))
        return letter.content

    def _ask(self, connection: psycopg.Connection[Any], asked: Letter) -> tuple[Letter, Correspondent]:
        answer = self.transport.ask(asked)
        by = self.box.check(connection, answer, re=asked.digest)
        if answer.sender != self.name or answer.kind != asked.kind:
            raise answer.refuse("answer")
        return answer, by
