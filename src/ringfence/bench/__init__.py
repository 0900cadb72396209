"""The bench room: how fast the kernel is, as a ratio to what the same server could do at all.

    workload     the ledger that is measured, and the postings
    floor        COPY of the same rows and one UPDATE, nothing checked
    row_locks    one locked transaction per posting
    tables       what both of them store in
    tigerbeetle  the same through TigerBeetle, where one runs
    run          rounds in which every design has its turn; figures
    served       deposits over HTTP, and from a commit to a picture
    settlement   a day's settlement of many clients
    detectors    what is found of what cannot be prevented, and the false alarms

A figure of one design says little on a machine that others use too: all designs take turns, and a ratio is that of two
neighbours in the same round.
"""

from ringfence.bench.detectors import Detected, detector_table, measure_detectors
from ringfence.bench.run import Figure, Settings, measure, table
from ringfence.bench.served import measure_served
from ringfence.bench.settlement import SIZES, SettledDays, documents, measure_settlement, settlement_table

__all__ = [
    "SIZES",
    "Detected",
    "Figure",
    "Settings",
    "SettledDays",
    "detector_table",
    "documents",
    "measure",
    "measure_detectors",
    "measure_served",
    "measure_settlement",
    "settlement_table",
    "table",
]
