"""What stands in addresses and headers, and how long it may be."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Path, Query

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=180,
        pattern=r"^[\x21-\x7e]+$",
        description="Used once. The same request with the same key is carried out once, however often it is sent.",
    ),
]
BookName = Annotated[str, Path(max_length=60, description="exchange, or a bank's name")]
PartyName = Annotated[str, Path(max_length=100)]
Number = Annotated[int, Path(ge=1, le=2**53)]
Limit = Annotated[int, Query(ge=1, le=200, description="At most so many rows.")]
Cursor = Annotated[int | None, Query(ge=0, le=2**53, description="`next` of the page before.")]
