"""`ringfence call`: the API from a terminal, as the person that one is."""

from __future__ import annotations

import json
import uuid
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ringfence.cli.options import JsonOption, LanguageOption, day, spoken, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import BaseModel

    from ringfence.client import Client
    from ringfence.errors import Language
    from ringfence.shapes import WithdrawalShown

app = typer.Typer(no_args_is_help=True, help="Ask a circle that is served: deposits, withdrawals, statements.")

AtOption = Annotated[
    str, typer.Option("--at", metavar="ADDRESS", envvar="RINGFENCE_ADDRESS", help="Where the circle is served.")
]
AsOption = Annotated[
    str, typer.Option("--as", metavar="NAME", envvar="RINGFENCE_NAME", help="The name by which one comes in.")
]
PasswordOption = Annotated[
    str,
    typer.Option("--password", metavar="PASSWORD", envvar="RINGFENCE_PASSWORD", prompt=True, hide_input=True, help="Asked for, where it is not in the environment.", show_default=False),
]  # fmt: skip
KeyOption = Annotated[
    str | None,
    typer.Option("--key", metavar="KEY", help="Used once: the same again with the same key happens once. One is made and shown."),
]  # fmt: skip
_AMOUNT = typer.Argument(metavar="AMOUNT", help="In yuan, exact to the fen: 200000.00")
_NUMBER = typer.Argument(metavar="NUMBER", parser=whole_number, help="The number of the withdrawal.")
HERE = "http://127.0.0.1:8000"
_WORDS: dict[str, dict[Language, str]] = {
    "key": {"en": "key: {key}", "zh": "键:{key}"},
    "deposit": {
        "en": "{amount} {unit} of {client}: {state}; posting {posting} at {book}",
        "zh": "{client} {amount} {unit}:{state};{book} 记账 {posting}",
    },
    "withdrawal": {
        "en": "{number:>6}  {amount:>18} {unit}  {client}  {state}{why}",
        "zh": "{number:>6}  {amount:>18} {unit}  {client}  {state}{why}",
    },
    "check": {"en": "        {sign} {name}  {figures}", "zh": "        {sign} {name}  {figures}"},
    "none": {"en": "none", "zh": "无"},
}


@app.command()
def deposit(
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="Whose deposit it is.")],
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account that the client registered.")],
    amount: Annotated[str, _AMOUNT],
    key: KeyOption = None,
    at: AtOption = HERE,
    name: AsOption = "",
    password: PasswordOption = "",
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """A bank confirms a deposit at itself."""
    said = spoken(language)
    used = _key(key, said, quiet=as_json)
    with _in(at, name, password, said) as asking:
        done = asking.deposit(asking.person.party, client, account, _amount(amount), key=used)
    words = {"posting": done.bank.posting, "book": done.bank.book}
    _tell(done, as_json, _WORDS["deposit"][said].format(**(done.model_dump() | words)))


@app.command()
def withdraw(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Your own registered account.")],
    amount: Annotated[str, _AMOUNT],
    sign_with: Annotated[
        Path, typer.Option("--sign-with", metavar="FILE", help="Your own Ed25519 key (ringfence key new).")
    ],
    key: KeyOption = None,
    at: AtOption = HERE,
    name: AsOption = "",
    password: PasswordOption = "",
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """A client asks to be paid to its own account, in words signed with its own key."""
    from ringfence.cli.key import read_key

    said = spoken(language)
    private = read_key(sign_with)
    used = _key(key, said, quiet=as_json)
    with _in(at, name, password, said) as asking:
        done = asking.withdraw(account, _amount(amount), private, key=used)
    _tell(done, as_json, _line(done, said))


@app.command()
def withdrawals(
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those that nothing has become of yet.")] = False,
    at: AtOption = HERE,
    name: AsOption = "",
    password: PasswordOption = "",
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """List withdrawals that one may see, the newest first."""
    said = spoken(language)
    with _in(at, name, password, said) as asking:
        found = list(asking.withdrawals(waiting=waiting))
    if as_json:
        typer.echo(json.dumps([one.model_dump(mode="json") for one in found], ensure_ascii=False, indent=2))
        return
    typer.echo("\n".join(_line(one, said) for one in found) or _WORDS["none"][said])


@app.command()
def look(
    number: Annotated[int, _NUMBER],
    at: AtOption = HERE,
    name: AsOption = "",
    password: PasswordOption = "",
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Look at one withdrawal, with its six checks as they are now."""
    said = spoken(language)
    with _in(at, name, password, said) as asking:
        _tell_one(asking.withdrawal(number), as_json, said)


def _letting_pass(step: Literal["audit", "approve"]) -> Callable[..., None]:
    """The command of the first or of the second person: what either types is the same."""

    def let_pass(
        number: Annotated[int, _NUMBER],
        key: KeyOption = None,
        at: AtOption = HERE,
        name: AsOption = "",
        password: PasswordOption = "",
        as_json: JsonOption = False,
        language: LanguageOption = "en",
    ) -> None:
        said = spoken(language)
        with _in(at, name, password, said) as asking:
            passing = {"audit": asking.audit, "approve": asking.approve}[step]
            _tell_one(passing(number, key=_key(key, said, quiet=True)), as_json, said)

    return let_pass


app.command("audit", help="Let a withdrawal pass as the first person, if it passes the checks as they are now.")(
    _letting_pass("audit")
)
app.command("approve", help="Let a withdrawal pass as the second person.")(_letting_pass("approve"))


@app.command()
def refuse(
    number: Annotated[int, _NUMBER],
    reason: Annotated[str, typer.Argument(metavar="REASON", help="Why; the client reads it.")],
    key: KeyOption = None,
    at: AtOption = HERE,
    name: AsOption = "",
    password: PasswordOption = "",
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Refuse a withdrawal, and say why."""
    said = spoken(language)
    with _in(at, name, password, said) as asking:
        _tell_one(asking.refuse(number, reason, key=_key(key, said, quiet=True)), as_json, said)


@app.command()
def statement(
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="Whose.")],
    of: Annotated[Any, typer.Argument(metavar="DATE", parser=day, help="Of which day.")],
    at: AtOption = HERE,
    name: AsOption = "",
    password: PasswordOption = "",
    as_json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """Show a client's statement of a day."""
    said = spoken(language)
    with _in(at, name, password, said) as asking:
        found = asking.statement(client, of)
    lines = [f"{field:>12}  {value:>18}" for field, value in found.model_dump().items() if isinstance(value, str)]
    if found.funds is not None:
        lines += [f"{field:>12}  {value or '-':>18}" for field, value in found.funds.model_dump().items()]
    _tell(found, as_json, "\n".join(lines))


@contextmanager
def _in(at: str, name: str, password: str, language: Language) -> Iterator[Client]:
    from ringfence.client import Client
    from ringfence.errors import BadInput

    if not name:
        raise BadInput("--as", name, "the name by which you come in; RINGFENCE_NAME has it too")
    with Client(at, name, password, language) as client:
        yield client


def _key(key: str | None, language: Language, *, quiet: bool) -> str:
    if key is not None:
        return key
    made = uuid.uuid4().hex
    if not quiet:
        typer.echo(_WORDS["key"][language].format(key=made))
    return made


def _amount(text: str) -> Decimal:
    from ringfence.errors import BadInput

    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise BadInput("AMOUNT", text, "plain decimal text in yuan, such as 1234.50")
    return amount


def _tell(shown: BaseModel, as_json: bool, text: str) -> None:
    typer.echo(json.dumps(shown.model_dump(mode="json"), ensure_ascii=False, indent=2) if as_json else text)


def _tell_one(shown: WithdrawalShown, as_json: bool, language: Language) -> None:
    lines = [_line(shown, language)]
    for check in shown.checks or ():
        figures = ", ".join(f"{name} {value}" for name, value in check.figures.items() if value is not None)
        sign = {True: "✓", False: "✗", None: "…"}[check.passes]
        lines.append(_WORDS["check"][language].format(sign=sign, name=check.name, figures=figures))
    _tell(shown, as_json, "\n".join(lines))


def _line(shown: WithdrawalShown, language: Language) -> str:
    why = shown.reason_zh if language == "zh" else shown.reason_en
    return _WORDS["withdrawal"][language].format(**(shown.model_dump() | {"why": f": {why}" if why else ""}))
