"""A client of the API: what a program of a bank, a member, an exchange or a client's own uses.

    with Client("http://127.0.0.1:8000", "bank_a", password) as bank:
        done = bank.deposit("bank_a", "m1-c00001", "6201000000000001", Decimal("200000"), key="8f14e45f")

A write goes by a key, which the caller chooses and keeps: asked again with the same key after no answer, nothing happens twice.
Where the server says that it is not ready (503), the client asks again by itself, with the same key, a few times.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel

from ringfence import shapes
from ringfence.custody.requests import public_half, stored_key, words
from ringfence.errors import Language, RingfenceError

_TRIES = 4
_M = TypeVar("_M", bound=BaseModel)


class Problem(RingfenceError):
    """What the server refused, in its own words: `code_`, `status`, and `body`, which has the figures."""

    code = "problem"
    template: ClassVar[dict[Language, str]] = {"en": "{said}", "zh": "{said}"}

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(said=str(body.get("detail", f"HTTP {status}")))
        self.status = status
        self.body = body

    @property
    def problem(self) -> str:
        """The stable code of the problem."""
        return str(self.body.get("code", ""))

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.status, self.body))


class NoAnswer(RingfenceError):
    """Nobody answers at `address`: `detail`. Whether anything was written is not known; the same key finds out."""

    code = "no-answer"
    template: ClassVar[dict[Language, str]] = {
        "en": "nobody answers at {address}: {detail}; ask again with the same key",
        "zh": "{address} 无应答:{detail};请用同一键重试",
    }


class Client:
    """Asks the API at `address` as the person of that `name`. Errors, from every call: Problem; NoAnswer."""

    def __init__(self, address: str, name: str, password: str, language: Language = "en", seconds: float = 30) -> None:
        self._address = address
        headers = {"Accept-Language": language}
        self._http = httpx.Client(base_url=address, headers=headers, timeout=seconds, trust_env=False)
        try:
            said = self._ask("POST", "/v1/session", json={"name": name, "password": password})
        except RingfenceError:
            self._http.close()
            raise
        session = shapes.SessionShown.model_validate(said)
        self._http.headers["Authorization"] = f"Bearer {session.token}"
        self.person = shapes.PersonShown.model_validate(session.model_dump(exclude={"token"}))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave."""
        try:
            self._ask("DELETE", "/v1/session")
        finally:
            self._http.close()

    # -- what a bank does -----------------------------------------------------------------------------------------

    def deposit(self, bank: str, client: str, payer_account: str, amount: Decimal, *, key: str) -> shapes.DepositShown:
        """Confirm a deposit at `bank`. The amount is in yuan, exact to the fen."""
        asked = shapes.DepositAsked(client=client, payer_account=payer_account, amount=_plain(amount))
        return self._write(shapes.DepositShown, f"/v1/books/{bank}/deposits", key, asked)

    # -- what a client does ---------------------------------------------------------------------------------------

    def withdraw(
        self, payee_account: str, amount: Decimal, private_key: Ed25519PrivateKey, *, key: str
    ) -> shapes.WithdrawalShown:
        """Ask to be paid to one's own registered account, signed with one's own key; the amount is in yuan."""
        client = self.person.party
        said = withdrawal_words(client, amount, payee_account, stored_key(client, key))
        asked = shapes.WithdrawalAsked(
            amount=_plain(amount),
            payee_account=payee_account,
            public_key=public_half(private_key).hex(),
            signature=private_key.sign(said).hex(),
        )
        return self._write(shapes.WithdrawalShown, f"/v1/clients/{client}/withdrawals", key, asked)

    # -- what a person of the exchange does -----------------------------------------------------------------------

    def audit(self, number: int, *, key: str) -> shapes.WithdrawalShown:
        """Let a withdrawal pass as the first person."""
        return self._write(shapes.WithdrawalShown, f"/v1/withdrawals/{number}/audit", key)

    def approve(self, number: int, *, key: str) -> shapes.WithdrawalShown:
        """Let a withdrawal pass as the second person."""
        return self._write(shapes.WithdrawalShown, f"/v1/withdrawals/{number}/approve", key)

    def refuse(self, number: int, reason: str, *, key: str) -> shapes.WithdrawalShown:
        """Refuse a withdrawal, and say why."""
        return self._write(
            shapes.WithdrawalShown, f"/v1/withdrawals/{number}/refuse", key, shapes.RefusalAsked(reason=reason)
        )

    # -- readings -------------------------------------------------------------------------------------------------

    def withdrawal(self, number: int) -> shapes.WithdrawalShown:
        """One withdrawal."""
        return self._read(shapes.WithdrawalShown, f"/v1/withdrawals/{number}")

    def withdrawals(self, *, waiting: bool = False) -> Iterator[shapes.WithdrawalShown]:
        """Withdrawals, the newest first."""
        yield from self._pages(shapes.WithdrawalPage, "/v1/withdrawals", "before", waiting=waiting)

    def accounts(self, book: str = "exchange", **filters: Any) -> Iterator[shapes.AccountShown]:
        """Every account that one may see; `kind` and `owner` filter."""
        yield from self._pages(shapes.AccountPage, f"/v1/books/{book}/accounts", "after", **filters)

    def postings(self, book: str = "exchange", after: int = 0, **filters: Any) -> Iterator[shapes.PostingShown]:
        """Every posting after one, that one may see, oldest first."""
        yield from self._pages(shapes.PostingPage, f"/v1/books/{book}/postings", "after", start=after, **filters)

    def statement(self, client: str, day: datetime.date) -> shapes.StatementShown:
        """A client's statement of a day."""
        return self._read(shapes.StatementShown, f"/v1/clients/{client}/statements/{day}")

    def equation(self) -> shapes.EquationShown:
        """The money equation now."""
        return self._read(shapes.EquationShown, "/v1/equation")

    def verdict(self) -> shapes.VerdictShown:
        """What the verifier said last."""
        return self._read(shapes.VerdictShown, "/v1/verdict")

    # -- asking ---------------------------------------------------------------------------------------------------

    def _read(self, shape: type[_M], path: str, **query: Any) -> _M:
        return shape.model_validate(self._ask("GET", path, params=query))

    def _write(self, shape: type[_M], path: str, key: str, asked: BaseModel | None = None) -> _M:
        body = {} if asked is None else {"json": asked.model_dump()}
        return shape.model_validate(self._ask("POST", path, headers={"Idempotency-Key": key}, **body))

    def _pages(self, shape: type[_M], path: str, cursor: str, start: int | None = None, **query: Any) -> Iterator[Any]:
        at = start
        while True:
            asked = {name: value for name, value in query.items() if value not in (None, False)}
            page: Any = self._read(shape, path, **asked, **({} if at is None else {cursor: at}), limit=200)
            yield from page.items
            if page.next is None:
                return
            at = page.next

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        for tried in range(1, _TRIES + 1):
            try:
                answer = self._http.request(method, path, **options)
            except httpx.HTTPError as error:
                raise NoAnswer(address=self._address, detail=str(error) or type(error).__name__) from error
            if answer.status_code != 503 or tried == _TRIES:
                break
            time.sleep(0.25 * 2**tried)
        if answer.status_code >= 400:
            raise Problem(answer.status_code, _body(answer))
        return answer.json() if answer.content else None


def withdrawal_words(client: str, amount: Decimal, payee: str, key: str) -> bytes:
    """The words that a client signs; the amount is in yuan. What has parts of a fen the server refuses, however it is signed."""
    return words(client, int(amount.scaleb(2).to_integral_value()), payee, key)


def _plain(amount: Decimal) -> str:
    """Exact text; what has parts of a fen is left as it is, for the server to refuse."""
    return f"{amount:.2f}" if amount == amount.quantize(Decimal("0.01")) else f"{amount:f}"


def _body(answer: httpx.Response) -> dict[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
