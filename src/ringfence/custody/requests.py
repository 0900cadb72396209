"""Withdrawals as clients ask for them: in words that they sign, looked at by one person and above a limit by a second.

    asked      the client has signed; nothing is held yet
    audited    the first person has let it pass; above the limit it waits for a second one, who must be another
    passed     all persons needed have; it is carried out under the key that the client signed
    sent       held, and ordered from the bank
    unknown    sent, and not answered for half a minute: it stays held, and is never guessed
    posted     the bank has paid, and the exchange has booked it
    refused    by a person, by the ledger or by the bank; `reason` says why

What was signed is made of what stands in the posting, and the signature stands there too, in the hash chain: whoever has the
client's public key can check it for ever. Nothing of this moves money: that takes the ledger's own functions.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import psycopg
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from psycopg.types.json import Jsonb

from ringfence.database import Store, migrate_ledger, sql_files
from ringfence.errors import BadInput, Language, RingfenceError
from ringfence.ledger import Ledger
from ringfence.money import render, unit

SCHEMA = "exchange_requests"
State = Literal["asked", "audited", "passed", "sent", "unknown", "posted", "refused"]
Step = Literal["audit", "approve", "refuse"]
LARGEST_MINOR = 10**15
ANSWERS_WITHIN = datetime.timedelta(seconds=30)
_CNY = unit("CNY")
_REF = re.compile(r"ed25519 ([0-9a-f]{64}) ([0-9a-f]{128})")


class NotSigned(RingfenceError):
    """What was asked for is not signed by the client's registered key: `client`."""

    code = "not-signed"
    template: ClassVar[dict[Language, str]] = {
        "en": "not signed by the key that is registered for {client}; the registrar can register another",
        "zh": "并非由 {client} 的登记密钥签名;可由登记员登记新密钥",
    }


class KeyTaken(RingfenceError):
    """The key was used for another withdrawal, or the public key is, or was, another client's: `value`."""

    code = "key-taken"
    template: ClassVar[dict[Language, str]] = {
        "en": "{value}: used before for something else; a new one takes a key of its own",
        "zh": "{value}:已用于其他事项;新的申请须用新键",
    }


class StepRefused(RingfenceError):
    """A person may not do that about a withdrawal: `why` is `done`, `not-audited` or `same-person`."""

    code = "step-refused"
    template: ClassVar[dict[Language, str]] = {
        "en": "{withdrawal}: {reason}",
        "zh": "{withdrawal}:{reason}",
    }
    reasons: ClassVar[dict[str, dict[Language, str]]] = {
        "done": {
            "en": "it has gone further already; nothing is left to do about it here",
            "zh": "已进入下一步骤,此处无须再办",
        },
        "not-audited": {"en": "the first person has not audited it yet", "zh": "尚未经第一人审核"},
        "same-person": {
            "en": "whoever did the step before cannot be the second person",
            "zh": "办理前一步骤者不能担任第二人",
        },
    }

    def text(self, language: Language = "en") -> str:
        """Say it for a reader of `language`."""
        reason = self.reasons[str(self.figures["why"])][language]
        return self.template[language].format(withdrawal=self.figures["withdrawal"], reason=reason)


def words(client: str, amount_minor: int, payee: str, key: str) -> bytes:
    """The words that a client signs: UTF-8, a line for each thing, which itself has no line end."""
    said = (
        f"ringfence withdrawal 1\nclient {client}\namount {render(amount_minor, _CNY)} CNY\npayee {payee}\nkey {key}\n"
    )
    return said.encode()


def stored_key(client: str, key: str) -> str:
    """The key under which a client's withdrawal is signed, asked for, held and posted: nobody else's can be the same."""
    return f"withdrawal:{client}:{key}"


def from_hex(field: str, text: str, size: int) -> bytes:
    """So many bytes, as `field` writes them in hexadecimal. Errors: BadInput."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != size:
        raise BadInput(field, text[:140], f"{2 * size} hexadecimal digits", f"{2 * size} 位十六进制数")
    return raw


def public_half(private_key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes by which a signature is checked."""
    return private_key.public_key().public_bytes_raw()


def limit_minor(connection: psycopg.Connection[Any]) -> int | None:
    """Up to how much one person lets a withdrawal pass alone, in fen: the widest of the clerk's standing grants; None where
    there is none. The login must read everything of the exchange.
    """
    row = connection.execute(
        """
        SELECT count(*), bool_or(g.per_item IS NULL), max(g.per_item) FROM exchange.grants AS g
        JOIN exchange.route AS r ON r.id = g.route AND r.name = 'withdrawal'
        WHERE g.power = 'ask' AND g.ended IS NULL AND g.key IS NULL AND g.grantee = r.asks
        """
    ).fetchone()
    standing, without_cap, most = row or (0, None, None)
    return None if not standing else LARGEST_MINOR if without_cap else most


def sign(private_key: Ed25519PrivateKey, client: str, amount_minor: int, payee: str, key: str) -> bytes:
    """Sign a withdrawal, as the client."""
    return private_key.sign(words(client, amount_minor, payee, key))


def signed(public_key: bytes, signature: bytes, said: bytes) -> bool:
    """Whether whoever has the private half of `public_key` has signed what was said."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, said)
    except (InvalidSignature, ValueError):
        return False
    return True


def signature_in(ref: str) -> tuple[bytes, bytes] | None:
    """The public key and the signature that stand in a posting's text; None where there are none."""
    found = _REF.fullmatch(ref)
    return (bytes.fromhex(found[1]), bytes.fromhex(found[2])) if found else None


class StepTaken(NamedTuple):
    """What a person did, when, and what it saw."""

    step: str
    person: str
    at: datetime.datetime
    seen: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """A withdrawal that was asked for; `hold` and `posting` are the exchange's, 0 where there is none yet."""

    number: int
    key: str
    client: str
    title: str
    member: str
    amount_minor: int
    payee: str
    public_key: bytes
    signature: bytes
    key_in_force: bool
    asked_at: datetime.datetime
    state: State
    steps: tuple[StepTaken, ...]
    reason: tuple[str, str] | None
    hold: int
    posting: int

    @property
    def is_signed(self) -> bool:
        """Whether the client has signed it, with the key that is in force."""
        said = words(self.client, self.amount_minor, self.payee, self.key)
        return self.key_in_force and signed(self.public_key, self.signature, said)

    @property
    def ref(self) -> str:
        """What the posting keeps of the signature."""
        return f"ed25519 {self.public_key.hex()} {self.signature.hex()}"

    def by(self, step: str) -> str | None:
        """Who took a step."""
        return next((taken.person for taken in self.steps if taken.step == step), None)


def create_requests(store: Store) -> None:
    """Make the tables of what clients ask for, beside the exchange's book. Errors: as migrate_ledger."""
    owner = "ringfence_exchange_requests_owner"
    with store.connect() as administrator:
        store.ensure_role(administrator, owner, login=False)
        # Its functions look at parties and postings, and ask whose token a visitor has shown.
        for group in ("reads", "member"):
            store.give_group(administrator, f"ringfence_exchange_{group}", owner)
    migrate_ledger(store, SCHEMA, owner, [], sql_files("ringfence.custody", "migrations"))


class Registration(NamedTuple):
    """The account to which a client is paid, and the key with which it signs; "" where there is none."""

    account_number: str
    public_key: str


def registration(connection: psycopg.Connection[Any], client: str) -> Registration:
    """What is registered of a client, through whatever login may read it."""
    account = connection.execute(
        "SELECT g.payee FROM exchange.grants AS g JOIN exchange.party AS c ON c.id = g.scope "
        "WHERE c.name = %s AND g.power = 'account' AND g.ended IS NULL AND g.confirmed IS NOT NULL ORDER BY g.id DESC LIMIT 1",
        (client,),
    ).fetchone()
    key = connection.execute(
        "SELECT public_key FROM exchange_requests.client_key WHERE client = %s AND ended IS NULL", (client,)
    ).fetchone()
    return Registration(account[0] if account else "", bytes(key[0]).hex() if key else "")


def register_key(registrar: Ledger, client: str, public_key: bytes) -> None:
    """Register with which key a client signs from now on. Errors: NotSigned for no client; KeyTaken."""
    ((said,),) = registrar.rows("SELECT exchange_requests.register_key(%s, %s)", (client, public_key))
    if said == "taken":
        raise KeyTaken(value=public_key.hex())
    if said == "client":
        raise NotSigned(client=client)


def ask(
    window: psycopg.Connection[Any],
    client: str,
    amount_minor: int,
    payee: str,
    key: str,
    public_key: bytes,
    signature: bytes,
) -> bool:
    """Ask for a withdrawal through the window, by the visit that the connection shows; whether it is new.

    Errors: NotSigned; KeyTaken.
    """
    if not signed(public_key, signature, words(client, amount_minor, payee, key)):
        raise NotSigned(client=client)
    row = window.execute(
        "SELECT exchange_requests.ask(%s, %s, %s, %s, %s, %s)",
        (key, client, amount_minor, payee, public_key, signature),
    ).fetchone()
    said = row[0] if row else ""
    if said in ("client", "public-key"):
        raise NotSigned(client=client)
    if said == "key":
        raise KeyTaken(value=key)
    return said == "asked"


def take_step(connection: psycopg.Connection[Any], step: Step, key: str, person: str, seen: Mapping[str, Any]) -> None:
    """Let a person do a step, through the login of its duty. Errors: StepRefused."""
    query = {
        "audit": "SELECT exchange_requests.audit(%s, %s, %s)",
        "approve": "SELECT exchange_requests.approve(%s, %s, %s)",
        "refuse": "SELECT exchange_requests.refuse(%s, %s, %s)",
    }[step]
    row = connection.execute(query, (key, person, Jsonb(dict(seen)))).fetchone()
    if row is None or row[0] in StepRefused.reasons:
        raise StepRefused(withdrawal=key, why=row[0] if row else "done")


_REQUESTS = """
    SELECT w.number, w.key, w.client, coalesce(c.title, c.name), coalesce(m.title, m.name, ''), w.amount_minor, w.payee,
        w.public_key, w.signature, k.ended IS NULL, w.asked_at,
        coalesce((SELECT jsonb_agg(jsonb_build_array(s.step, s.person, s.at, s.seen) ORDER BY s.at)
            FROM exchange_requests.step AS s WHERE s.withdrawal = w.key), '[]'),
        x.reason_en, x.reason_zh, coalesce(h.id, 0), h.rest, coalesce(d.id, 0), d.action, b.recorded_at
    FROM exchange_requests.withdrawal AS w
    JOIN exchange.party AS c ON c.name = w.client
    LEFT JOIN exchange.party AS m ON m.id = c.member
    LEFT JOIN exchange_requests.client_key AS k ON k.public_key = w.public_key
    LEFT JOIN exchange_requests.stopped AS x ON x.withdrawal = w.key
    LEFT JOIN exchange.posting AS p ON p.key = w.key
    LEFT JOIN exchange.batch AS b ON b.id = p.batch
    LEFT JOIN exchange.hold AS h ON h.id = p.id
    LEFT JOIN LATERAL (
        SELECT id, action FROM exchange.posting AS e WHERE e.about = p.id AND e.action > 1 ORDER BY e.id LIMIT 1
    ) AS d ON h.rest = 0
    WHERE {which}
    ORDER BY w.number DESC LIMIT %(limit)s
"""


# Nothing has become of it yet: undecided, or held and not answered.
_WAITING = " AND (h.rest > 0 OR w.key IN (SELECT u.key FROM exchange_requests.undecided AS u))"


def requests(
    connection: psycopg.Connection[Any],
    limit_minor: int | None,
    *,
    number: int | None = None,
    key: str | None = None,
    before: int | None = None,
    waiting: bool = False,
    limit: int = 200,
) -> list[Request]:
    """What was asked for, the newest first, as far as the reader may see it; one of a `number` or `key`, or those `before` a number, or
    only those that nothing has become of yet.

    `limit_minor` is up to how much one person lets pass alone.
    """
    which = "(%(before)s::bigint IS NULL OR w.number < %(before)s)"
    if number is not None or key is not None:
        which = "w.key = %(key)s" if number is None else "w.number = %(number)s"
    if waiting:
        which += _WAITING
    rows = connection.execute(
        _REQUESTS.replace("{which}", which).encode(), {"key": key, "number": number, "before": before, "limit": limit}
    ).fetchall()
    now = datetime.datetime.now(datetime.UTC)
    return [_request(row, limit_minor, now) for row in rows]


def _request(row: tuple[Any, ...], limit_minor: int | None, now: datetime.datetime) -> Request:
    (
        number, key, client, title, member, amount_minor, payee, public_key, signature, in_force, asked_at,
        taken, stopped_en, stopped_zh, hold, rest, done, action, held_at,
    ) = row  # fmt: skip
    steps = tuple(StepTaken(step, who, datetime.datetime.fromisoformat(at), seen) for step, who, at, seen in taken)
    names = {step.step for step in steps}
    reason: tuple[str, str] | None = None
    state: State
    if hold and rest:
        state = "sent" if now - held_at < ANSWERS_WITHIN else "unknown"
    elif hold and action == 2:
        state = "posted"
    elif hold:
        state, reason = "refused", ("the bank did not pay; what was held is free again", "银行未付款,已解冻")
    elif stopped_en is not None:
        state, reason = "refused", (stopped_en, stopped_zh)
    elif "refused" in names:
        said = next(str(step.seen.get("reason", "")) for step in steps if step.step == "refused")
        state, reason = "refused", (said, said)
    elif "approved" in names or ("audited" in names and limit_minor is not None and amount_minor <= limit_minor):
        state = "passed"
    else:
        state = "audited" if "audited" in names else "asked"
    return Request(
        number, key, client, title, member, amount_minor, payee, bytes(public_key), bytes(signature), bool(in_force),
        asked_at, state, steps, reason, hold, done,
    )  # fmt: skip
