"""`ringfence person`: who may come in where the circle is served."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.cli.options import JsonOption, LanguageOption, RingOption, StoreOption, existing_store, spoken

if TYPE_CHECKING:
    from ringfence.access import Persons
    from ringfence.database import Store
    from ringfence.errors import Language

app = typer.Typer(no_args_is_help=True, help="Who may come in where the circle is served: add, list, end.")

_WORDS: dict[str, dict[Language, str]] = {
    "added": {
        "en": "{name} may come in as {role} of {party}; the password, shown only here: {password}",
        "zh": "{name} 可以 {party} 的 {role} 身份登录;密码(仅在此显示):{password}",
    },
    "ended": {
        "en": "{name} comes in no more; nobody will have that name again",
        "zh": "{name} 不得再登录;此名称不再使用",
    },
    "none": {
        "en": "nobody yet: `ringfence person add` lets somebody in",
        "zh": "尚无人员:`ringfence person add` 可新增",
    },
    "person": {"en": "{name:24}{role:12}{party:24}{ended}", "zh": "{name:24}{role:12}{party:24}{ended}"},
    "ended_at": {"en": "ended {at:%Y-%m-%d}", "zh": "已于 {at:%Y-%m-%d} 终止"},
}
_NAME = typer.Argument(metavar="NAME", help="The name by which the person comes in.")


@app.command()
def add(
    name: Annotated[str, _NAME],
    role: Annotated[
        str,
        typer.Option(
            "--role",
            metavar="ROLE",
            help="exchange, bank, member, client or supervisor; of a ring of one's own staff, client or supervisor.",
        ),
    ] = "",
    party: Annotated[
        str,
        typer.Option(
            "--party",
            metavar="PARTY",
            help="Of which bank, member or client, or which party's staff; not needed for the others.",
        ),
    ] = "",
    duty: Annotated[
        str | None,
        typer.Option(
            "--duty",
            metavar="DUTY",
            help="Of a person of the exchange: clerk (looks at withdrawals first) or officer (second). Of staff: which of the party's persons.",
        ),
    ] = None,
    ring: RingOption = "",
    store: StoreOption = None,
    language: LanguageOption = "en",
) -> None:
    """Let somebody in from now on, and show the password once.

    Try: ringfence person add ann --role member --party m1
    Or, of a ring: ringfence person add ann --role client --party ann --ring mine.toml
    """
    from ringfence.access.person import ROLES
    from ringfence.errors import BadInput

    said = spoken(language)
    if role not in ROLES:
        raise BadInput("--role", role, f"one of {', '.join(ROLES)}")
    with existing_store(store, ring) as opened:
        persons = _persons(opened, ring)
        party = _party_of_ring(opened, role, party, duty) if ring else _party(opened, role, party)
        password = persons.add(name, role, party, duty)
    typer.echo(_WORDS["added"][said].format(name=name, role=role, party=party, password=password))


@app.command(name="list")
def list_persons(
    as_json: JsonOption = False, ring: RingOption = "", store: StoreOption = None, language: LanguageOption = "en"
) -> None:
    """List who may come in, and who may no more."""
    said = spoken(language)
    with existing_store(store, ring) as opened:
        found = _persons(opened, ring).all()
    if as_json:
        rows = [{"name": p.name, "role": p.role, "party": p.party, "ended": p.ended and str(p.ended)} for p in found]
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    if not found:
        typer.echo(_WORDS["none"][said])
    for p in found:
        ended = _WORDS["ended_at"][said].format(at=p.ended) if p.ended else ""
        typer.echo(_WORDS["person"][said].format(name=p.name, role=p.role, party=p.party, ended=ended).rstrip())


@app.command()
def end(
    name: Annotated[str, _NAME], ring: RingOption = "", store: StoreOption = None, language: LanguageOption = "en"
) -> None:
    """Let somebody in no more; whoever is in is out within seconds."""
    said = spoken(language)
    with existing_store(store, ring) as opened:
        _persons(opened, ring).end(name)
    typer.echo(_WORDS["ended"][said].format(name=name))


def _persons(store: Store, ring: str) -> Persons:
    from ringfence.access import Persons, create_access
    from ringfence.custody import EXCHANGE, banks_of
    from ringfence.office import Office

    if ring:
        create_access(store, Office.kept(store).visited)
    else:
        banks_of(store)
        create_access(store, [EXCHANGE])
    return Persons(store)


def _party_of_ring(store: Store, role: str, party: str, duty: str | None) -> str:
    """Whose person it is, in a ring of one's own. Errors: BadInput for a role, party or person that it does not have."""
    from ringfence.errors import BadInput
    from ringfence.office import Office
    from ringfence.office.founding import MEMBER

    office = Office.kept(store)
    if role == "supervisor" or (role == MEMBER and office.shown):
        return role
    if role == "staff":
        seats = [seat.name for seat in office.seats()]
        if f"{party}.{duty}" not in seats:
            raise BadInput(
                "--party, --duty", f"{party}.{duty}", f"the party and the person of one of {', '.join(seats)}"
            )
        return party
    if role != "client":
        raise BadInput("--role", role, "staff, client, supervisor, or member where the ring lets somebody show clients")
    with office.reading_all() as connection:
        if not office.knows_client(connection, party):
            raise BadInput("--party", party, "a client that is registered in one of the books")
    return party


def _party(store: Store, role: str, party: str) -> str:
    """The institution that is meant. Errors: BadInput where there is none of that role and name."""
    from ringfence.custody import EXCHANGE
    from ringfence.errors import BadInput
    from ringfence.ledger import Ledger

    if role in ("exchange", "supervisor"):
        only = {"exchange": EXCHANGE}.get(role, role)
        if party not in ("", only):
            raise BadInput("--party", party, f"{only}, or nothing")
        return only
    with Ledger(store, EXCHANGE, "auditor") as ledger:
        registered = ledger.parties.get(party)
    if registered is None or registered.role != role:
        raise BadInput("--party", party, f"a {role} that is registered at the exchange")
    return party
