"""The command line: `ringfence COMMAND`.

Exit codes are the same everywhere: 0 it is so, 1 it is not so (a ledger that does not verify), 2 the question could not
be asked (bad input, no store). An error is one line that names the field, the value and what would be right; a person
never sees a traceback. Each command lives in the module of its name and imports what it needs when it runs, so that
help is quick.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer

import ringfence
from ringfence.cli import (
    attack,
    bench,
    book,
    call,
    contract,
    demo,
    export,
    grant,
    head,
    journal,
    key,
    link,
    look_back,
    metal,
    order,
    person,
    ring,
    risk,
    segregation,
    serve,
    settle,
    statement,
    tender,
    verify,
)
from ringfence.errors import RingfenceError

app = typer.Typer(
    name="ringfence",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(demo.demo)
app.command()(verify.verify)
app.command()(look_back.look_back)
app.command()(segregation.segregation)
app.command()(journal.journal)
app.command()(journal.balances)
app.command()(export.export)
app.command()(serve.serve)
app.command()(statement.statement)
app.command()(statement.check_statement)
app.command()(statement.member_file)
app.command()(attack.attack)
app.command()(bench.bench)
app.add_typer(ring.app, name="ring")
app.add_typer(grant.app, name="grant")
app.add_typer(head.app, name="head")
app.add_typer(person.app, name="person")
app.add_typer(book.app, name="book")
app.add_typer(link.app, name="link")
app.add_typer(key.app, name="key")
app.add_typer(call.app, name="call")
app.add_typer(settle.app, name="settle")
app.add_typer(order.app, name="order")
app.add_typer(contract.app, name="contract")
app.add_typer(metal.app, name="metal")
app.add_typer(risk.app, name="risk")
app.add_typer(tender.app, name="tender")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(ringfence.__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Client money that nobody in the middle can touch.

    Begin with `ringfence demo`: a real market runs through a closed circle in half a minute. Then `ringfence ring show sge`
    explains who may move what, and `ringfence verify` checks that everything is true.

    Books are kept in an embedded PostgreSQL in your data folder; --store DIR or RINGFENCE_STORE names another folder,
    RINGFENCE_DATABASE_URL a server of your own. Exit codes: 0 it is so, 1 it is not so, 2 it could not be asked.
    """


def main() -> NoReturn:
    """Run the command line and exit."""
    heed_signals()
    try:
        app()
    except RingfenceError as error:
        # What the database's driver says may have several lines.
        sys.stderr.write(f"ringfence: {' '.join(str(error).split())}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.stderr.write("ringfence: stopped\n")
        sys.exit(130)
    except Exception as error:
        if os.environ.get("RINGFENCE_TRACEBACK"):
            raise
        said = " ".join(str(error).split())
        sys.stderr.write(f"ringfence: {type(error).__name__}: {said}; RINGFENCE_TRACEBACK=1 tells where\n")
        sys.exit(2)
    sys.exit(0)


_AGAIN_S = 0.01


def heed_signals() -> None:
    """End on SIGTERM by leaving every with-statement; and also where the signal comes while an object is finalised, which Python
    would say to nobody.
    """
    signal.signal(signal.SIGTERM, _terminate)
    sys.unraisablehook = _unheard


def _unheard(unraisable: sys.UnraisableHookArgs) -> None:
    """What was raised in a finaliser: an end that was asked for is asked for again a moment later, where it is heard."""
    again = {SystemExit: signal.SIGTERM, KeyboardInterrupt: signal.SIGINT}.get(unraisable.exc_type)
    if again is None:
        sys.__unraisablehook__(unraisable)
        return
    signal.signal(signal.SIGALRM, lambda number, frame: signal.raise_signal(again))
    signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    """Leave through the with-statements, so that an embedded server is let go of."""
    raise SystemExit(128 + number)
