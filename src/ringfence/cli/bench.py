"""`ringfence bench`: how fast the kernel is here, beside what the same server could do at all."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.options import number_option, require_writable

ROUNDS, CLIENTS = 5, 10_000


def bench(
    rounds: Annotated[int, number_option("How often everything has its turn, three at least.")] = ROUNDS,
    clients: Annotated[int, number_option("How many clients the ledger has.")] = CLIENTS,
    output: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures as JSON too.", show_default=False)
    ] = None,
    served_only: Annotated[
        bool, typer.Option("--served-only", help="Only what is served: deposits over HTTP, pictures, pages.")
    ] = False,
    tigerbeetle: Annotated[
        str | None,
        typer.Option("--tigerbeetle", metavar="ADDRESS", help="Measure one that runs there too.", show_default=False),
    ] = None,
) -> None:
    """Measure postings per second: in batches, by many single callers, on one hot account, with two ledgers.

    Then what is served: single deposits over HTTP by 64 callers beside the same through Python, how long a commit takes to reach 1
    and 50 open consoles while 1,000 deposits a second are posted, and what each page weighs.

    Everything that the kernel checks is on. Beside it, in the same run on the same server: COPY of the same rows with no
    checks at all, and a ledger that locks rows. Takes a few minutes, in a store of its own that is deleted afterwards.
    """
    from ringfence.bench import Settings, measure, measure_served, table
    from ringfence.database import Settings as StoreSettings
    from ringfence.database import Store
    from ringfence.errors import BadInput

    if rounds < 3:
        raise BadInput("--rounds", rounds, "3 or more")
    if not 100 <= clients <= 1_000_000:
        raise BadInput("--clients", clients, "100 to 1,000,000")

    if output is not None:
        require_writable("--json", output)

    def say(what: str) -> None:
        sys.stderr.write(f"{what}\n")

    with (
        tempfile.TemporaryDirectory(prefix="ringfence-bench-") as folder,
        Store.open(StoreSettings(store=Path(folder), database_url=None)) as store,
    ):
        figures = [] if served_only else measure(store, Settings(clients, rounds, tigerbeetle), say)
        served, weights = measure_served(store, rounds, say)
        figures += served
    if output is not None:
        output.write_text(json.dumps([figure.document() for figure in figures], indent=1) + "\n", "utf-8")
    for line in (*table(figures), "", *weights):
        typer.echo(line)
