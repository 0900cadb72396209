"""Where a verification got to: the state of a ledger after a batch, kept in a file outside the database.

The next verification goes on from there: it reads what came after, and compares what comes out with the tables. What was
changed before the checkpoint it finds only where it shows there, so from time to time one verifies from zero.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from ringfence.ledger.authority import Given
from ringfence.ledger.replay import Account, OpenHold, Replay

_FORM = 2


@dataclass(frozen=True, slots=True)
class _State:
    """What of a replay is kept, under the names that it has there."""

    units: dict[str, int]
    kinds: list[dict[str, Any]]
    routes: list[dict[str, Any]]
    parties: dict[str, int]
    roles: dict[int, str]
    members: dict[int, int]
    accounts: dict[int, Account]
    identities: dict[int, str]
    titles: dict[int, str]
    open_holds: dict[int, OpenHold]
    reversed: set[int]
    link: int
    groups: dict[int, set[int]]
    taken_over: dict[int, int]
    day: date
    closed_through: date


@dataclass(frozen=True, slots=True)
class _Authority:
    """What of its grants is kept."""

    grants: dict[int, Given]
    ended: dict[int, int]
    used: dict[int, dict[date, int]]
    outstanding: dict[int, int]
    accounts: dict[int, int]
    waiting: dict[int, int]
    bound_before: set[int]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state after `batch`, whose link is `link`. `notes` are the verifier's own: a figure for each batch."""

    form: int
    batch: int
    posting: int
    link: bytes
    state: _State
    authority: _Authority
    notes: dict[int, int]

    @classmethod
    def of(cls, replay: Replay, batch: int, posting: int, link: bytes, notes: dict[int, int]) -> Checkpoint:
        """Keep where `replay` has got to."""
        state = _State(**{name.name: getattr(replay, name.name) for name in fields(_State)})
        authority = _Authority(**{name.name: getattr(replay.authority, name.name) for name in fields(_Authority)})
        return cls(_FORM, batch, posting, link, state, authority, notes)

    def restore(self, replay: Replay) -> None:
        """Bring an empty replay to where this was kept."""
        for kept, whole in ((self.state, replay), (self.authority, replay.authority)):
            for name in (field.name for field in fields(kept)):
                value, into = getattr(kept, name), getattr(whole, name)
                if name == "used":
                    for under, by_day in value.items():
                        into[under].update(by_day)
                elif isinstance(into, dict):
                    # Filled and not replaced: what counts from nothing by itself goes on doing so.
                    into.update(value)
                else:
                    setattr(whole, name, value)
        for account in replay.accounts.values():
            replay.index(account)
        replay.authority.derive()

    def write(self, file: Path) -> None:
        """Write it, whole or not at all."""
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".draft")
        draft.write_bytes(_ADAPTER.dump_json([self]))
        draft.replace(file)

    @classmethod
    def read(cls, file: Path) -> Checkpoint | None:
        """Read one; None where there is none, or of another form: then one verifies from zero."""
        try:
            (kept,) = _ADAPTER.validate_json(file.read_bytes())
        except (OSError, ValueError):
            return None
        return kept if kept.form == _FORM else None


# Bytes go as base64, which a configuration says; it reaches what is inside a list, but no dataclass by itself.
_ADAPTER = TypeAdapter(list[Checkpoint], config={"ser_json_bytes": "base64", "val_json_bytes": "base64"})
