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
_PARTS = ("kernel", "served", "settlement", "detectors")


def bench(
    rounds: Annotated[int, number_option("How often everything has its turn, three at least.")] = ROUNDS,
    clients: Annotated[int, number_option("How many clients the ledger has.")] = CLIENTS,
    output: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures as JSON too.", show_default=False)
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            "--only", metavar="WHAT", help="One of kernel, served, settlement, detectors.", show_default="all of them"
        ),
    ] = None,
    most: Annotated[
        int, number_option("Settle days of 10,000, 100,000 and 1,000,000 clients, but of no more than this.")
    ] = 1_000_000,
    tigerbeetle: Annotated[
        str | None,
        typer.Option("--tigerbeetle", metavar="ADDRESS", help="Measure one that runs there too.", show_default=False),
    ] = None,
) -> None:
    """Measure postings per second: in batches, by many single callers, on one hot account, with two ledgers.

    Then what is served: single deposits over HTTP by 64 callers beside the same through Python, how long a commit takes to reach 1
    and 50 open consoles while 1,000 deposits a second are posted, and what each page weighs.

    Then the settlement of a day of 10,000, 100,000 and 1,000,000 clients with two contracts each, and how much memory it takes.

    Then what cannot be prevented is looked for, in months and markets with it and without: what is found, and false alarms.

    Everything that the kernel checks is on. Beside it, in the same run on the same server: COPY of the same rows with no
    checks at all, and a ledger that locks rows. Takes some twenty-five minutes, in a store of its own that is deleted afterwards.
    """
    from ringfence import bench as room
    from ringfence.database import Settings as StoreSettings
    from ringfence.database import Store
    from ringfence.errors import BadInput

    if rounds < 3:
        raise BadInput("--rounds", rounds, "3 or more")
    if not 100 <= clients <= 1_000_000:
        raise BadInput("--clients", clients, "100 to 1,000,000")
    if only not in (None, *_PARTS):
        raise BadInput("--only", only, f"one of {', '.join(_PARTS)}")
    if most < room.SIZES[0]:
        raise BadInput("--most", most, f"{room.SIZES[0]:,} or more")
    if output is not None:
        require_writable("--json", output)

    def say(what: str) -> None:
        sys.stderr.write(f"{what}\n")

    figures: list[room.Figure] = []
    weights: list[str] = []
    settled: list[room.SettledDays] = []
    detected: list[room.Detected] = []
    with tempfile.TemporaryDirectory(prefix="ringfence-bench-") as folder:
        if only not in ("settlement", "detectors"):
            with Store.open(StoreSettings(store=Path(folder), database_url=None)) as store:
                if only != "served":
                    figures += room.measure(store, room.Settings(clients, rounds, tigerbeetle), say)
                if only != "kernel":
                    served, weights = room.measure_served(store, rounds, say)
                    figures += served
        if only in (None, "settlement"):
            sizes = [size for size in room.SIZES if size <= most]
            settled = room.measure_settlement(Path(folder), sizes, rounds, say)
        if only in (None, "detectors"):
            detected = room.measure_detectors(Path(folder), rounds, say)
    if output is not None:
        found = [
            *(figure.document() for figure in figures),
            *room.documents(settled),
            *(one.document() for one in detected),
        ]
        output.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    for part in (
        room.table(figures) if figures else [],
        weights,
        room.settlement_table(settled) if settled else [],
        room.detector_table(detected) if detected else [],
    ):
        for line in part:
            typer.echo(line)
