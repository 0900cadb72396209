"""Metal leaves the vault by two keepers (K14): who they were stands in the posting, and so in the chain."""

from __future__ import annotations

import re

from ringfence.custody.parties import EXCHANGE
from ringfence.errors import BadInput
from ringfence.ledger import Ledger
from ringfence.ledger.rows import Finding

_RELEASED = re.compile(r".* released by (\S+) and (\S+)", re.DOTALL)


def released_by(keepers: tuple[str, str]) -> str:
    """What a posting says of its two keepers, after the number of its paper. Errors: BadInput for keepers who are not two."""
    for keeper in keepers:
        if not re.fullmatch(r"\S{1,60}", keeper):
            raise BadInput("keeper", keeper, "a name of 1 to 60 characters without blanks", "不含空格的 1 至 60 字名称")
    if keepers[0] == keepers[1]:
        raise BadInput("keeper", keepers[1], "another keeper than the first (K14)", "与第一人不同的保管员 (K14)")
    return f" released by {keepers[0]} and {keepers[1]}"


def released_by_one(exchange: Ledger, since: int) -> list[Finding]:
    """Metal that went out after batch `since` without two keepers; what went out before anybody's were written down is let be."""
    rows = exchange.rows(
        """
        SELECT p.id, p.ref FROM {0}.posting AS p JOIN {0}.route AS r ON r.id = p.route AND r.name = 'metal-out'
        WHERE p.action = 2 AND p.id > coalesce((SELECT first_posting + postings - 1 FROM {0}.batch WHERE id = %s), 0)
        ORDER BY p.id
        """,
        (since,),
    )
    said = [(number, _RELEASED.fullmatch(ref)) for number, ref in rows]
    first = next((n for n, (_, found) in enumerate(said) if found), len(said) if since == 0 else 0)
    return [
        Finding(EXCHANGE, f"posting {number}", "metal went out of the vault, and not by two keepers")
        for number, found in said[first:]
        if found is None or found[1] == found[2]
    ]
