"""Take the kernel's safeties out one by one and see that a test fails each time.

A mutation is a piece of SQL and what stands there instead. Each runs on a copy of the source, against the tests of the
kernel; one that survives is a safety that nothing watches. Takes a few minutes: `make mutate`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
TESTS = (
    "tests/database/ledger/test_post.py",
    "tests/database/ledger/test_grants.py",
    "tests/database/ledger/test_bindings.py",
    "tests/database/ledger/test_register.py",
    "tests/database/ledger/test_same_kind.py",
    "tests/database/ledger/test_journal.py",
    "tests/database/ledger/test_verify.py",
    "tests/database/ledger/test_privileges.py",
    "tests/property/ledger",
)
POST = "ledger/sql/020_post.sql"
CONTROLS = "ledger/sql/018_controls.sql"
GRANTS = "ledger/sql/012_grants.sql"
LOOKUPS = "ledger/sql/015_lookups.sql"
BIND = "ledger/sql/045_bind.sql"
SCHEMA = "ledger/migrations/0001_ledger.sql"
SETTLEMENT = "margin/migrations/0001_settlement.sql"
ORDERS = "margin/migrations/0002_orders.sql"
STAGES = "margin/migrations/0003_stages.sql"
CHECKS = "margin/order_checks.py"
LEFT = "margin/left.py"
SPOT = "margin/migrations/0008_paid_by_number.sql"
BY_CLIENT = "margin/migrations/0009_by_client.sql"
DELIVERY = "margin/migrations/0005_delivery.sql"
FOUNDING = "office/founding.py"
FILLS = "margin/migrations/0007_fills.sql"


DAY_TESTS = (
    "tests/unit/margin",
    "tests/property/test_settlement_properties.py",
    "tests/database/margin/test_stages.py",
)
ORDER_TESTS = ("tests/database/margin/test_orders.py",)
SPOT_TESTS = ("tests/database/margin/test_spot.py",)
DELIVERY_TESTS = ("tests/unit/margin/test_delivery.py", "tests/database/margin/test_delivery.py")
OFFICE_TESTS = ("tests/database/office",)
WATCHED_BY: dict[str, tuple[str, ...]] = {
    SETTLEMENT: ("tests/database/margin/test_stages.py", "tests/database/ledger/test_privileges.py"),
    ORDERS: (*ORDER_TESTS, "tests/database/ledger/test_privileges.py"),
    STAGES: (*ORDER_TESTS, "tests/database/margin/test_stages.py"),
    CHECKS: (*ORDER_TESTS, *SPOT_TESTS),
    "margin/standing.py": (*ORDER_TESTS, *SPOT_TESTS),
    "margin/orders.py": (*ORDER_TESTS, *SPOT_TESTS),
    "margin/metal.py": ("tests/database/margin/test_metal.py", *SPOT_TESTS, *DELIVERY_TESTS),
    LEFT: (*ORDER_TESTS, *SPOT_TESTS),
    "margin/tenders.py": DELIVERY_TESTS,
    "margin/posting.py": (*DELIVERY_TESTS, "tests/database/margin/test_stages.py"),
    BY_CLIENT: ("tests/database/margin/test_stages.py",),
    "margin/day_end.py": (*DELIVERY_TESTS, "tests/database/margin/test_stages.py"),
    SPOT: SPOT_TESTS,
    DELIVERY: DELIVERY_TESTS,
    FILLS: ("tests/database/reports/test_sections.py",),
    "margin/risk.py": ("tests/unit/margin/test_risk.py",),
    "margin/exposure.py": ("tests/database/margin/test_risk.py",),
    "margin/funds.py": (*DAY_TESTS, *SPOT_TESTS),
    "margin/planning.py": (*DAY_TESTS, *DELIVERY_TESTS, "tests/database/margin/test_stages.py"),
    **dict.fromkeys(
        (FOUNDING, *(f"office/{room}.py" for room in ("wishes", "papers", "asked", "desk", "readings"))), OFFICE_TESTS
    ),
    **dict.fromkeys(("margin/day.py", "margin/lots.py", "margin/delivery.py"), DAY_TESTS),
}


class Mutation(NamedTuple):
    """In `file`, `before` becomes `after`."""

    safety: str
    file: str
    before: str
    after: str


MUTATIONS = (
    Mutation("an amount is positive", CONTROLS, "(u.amount BETWEEN 1 AND 1000000000000000) IS NOT TRUE", "u.amount > 1000000000000000"),
    Mutation("an amount has a limit", CONTROLS, "(u.amount BETWEEN 1 AND 1000000000000000) IS NOT TRUE", "u.amount < 1"),
    Mutation("only the asker asks", LOOKUPS, "g.grantee = routes_for.login AND g.power IN", "g.power IN"),
    Mutation("asking and finishing are two powers", LOOKUPS, "ON a.power = 'ask' AND a.route = r.id", "ON a.route = r.id"),
    Mutation("a grant is for its route", LOOKUPS, "ON a.power = 'ask' AND a.route = r.id", "ON a.power = 'ask'"),
    Mutation("a held route goes by hold", CONTROLS, "((u.action <> 0) = r.held) IS NOT TRUE", "false"),
    Mutation("the first account is of the route's kind", CONTROLS, "(kinds[u.one] = r.kind1) IS NOT TRUE", "false"),
    Mutation("the second account is of the route's kind", CONTROLS, "(kinds[u.two] = r.kind2\n            AND", "(true\n            AND"),
    Mutation("the third account is of the route's kind", CONTROLS, "(r.length < 3 OR kinds[u.three] = r.kind3) IS NOT TRUE", "false"),
    Mutation("the fourth account is of the route's kind", CONTROLS, "(r.length < 4 OR kinds[u.four] = r.kind4) IS NOT TRUE", "false"),
    Mutation("no account beyond the path", CONTROLS, "(r.length < 3 AND u.three <> 0 OR r.length < 4 AND u.four <> 0) IS NOT FALSE", "false"),
    Mutation("the subject is registered", CONTROLS, "WHEN s.id IS NULL THEN 9", "WHEN false THEN 9"),
    Mutation("units do not mix", CONTROLS, "WHEN mixed THEN 11", "WHEN false THEN 11"),
    Mutation("the client is the same", CONTROLS, "same_client AND role = 1 AND owner <> subject", "false"),
    Mutation("the member is the client's", CONTROLS, "own_member AND role = 2 AND owner <> member", "false"),
    Mutation("the payee's account is on the path", CONTROLS, "registered_account AND role = 1 AND action < 2 AND number <> payee", "false"),
    Mutation("the bank is the registered one", CONTROLS, "registered_account AND role = 3 AND action < 2 AND owner <> bank", "false"),
    Mutation("the payee is registered", CONTROLS, "r.registered_account AND u.action < 2 AND (b.payee = u.payee) IS NOT TRUE", "false"),
    Mutation("the bank has confirmed", CONTROLS, "AND (owner = source) IS NOT TRUE", "AND false"),
    Mutation("a closed day is closed", CONTROLS, "(u.value_date > controls.closed_through) IS NOT TRUE", "false"),
    Mutation("a hold is open", POST, "(h_number[i] > 0 AND h_left[h_number[i]] > 0) IS NOT TRUE", "(h_number[i] > 0) IS NOT TRUE"),
    Mutation("no more than is left of a hold", POST, "(a <= h_left[h_number[i]]) IS NOT TRUE", "false"),
    Mutation("a hold that has expired is not posted", LOOKUPS, "WHERE h.expires >= today", "WHERE true"),
    Mutation("what has expired is released", "ledger/sql/025_expire.sql", "h.rest > 0 AND h.expires < before.day", "h.rest > 0 AND false"),
    Mutation("what has expired was never used", "ledger/sql/025_expire.sql", "UPDATE grant_use AS x SET used = x.used - c.amount", "UPDATE grant_use AS x SET used = x.used"),
    Mutation("a reversal goes back the whole way", LOOKUPS, "AND w.length = (", "AND w.length <> -(" ),
    Mutation("a reversal is of its route, party and amount", LOOKUPS, "(o.route, o.subject, o.amount) = (w.reverses, w.subject, w.amount)", "true"),
    Mutation("a posting is reversed once", LOOKUPS, "AND NOT EXISTS (SELECT FROM posting AS f WHERE f.about = o.id AND f.action = 0 AND f.about <> 0)", ""),
    Mutation("a reversal names what it reverses", POST, "IF code = 0 AND (act > 1 OR abouts[i] <> 0 OR r_reverses[r] > 0) THEN", "IF code = 0 AND (act > 1 OR abouts[i] <> 0) THEN"),
    Mutation("a group is taken back", POST, "a := -a; carrier := i_carrier[i];", "a := 0; carrier := i_carrier[i];"),
    Mutation("a group is refused whole", POST, "status[closing] := 32; figure[closing] := i;", "NULL;"),
    Mutation("a group is carried out once", POST, "IF again <> (code = 1) THEN code := 32; seen := opening; END IF;", ""),
    Mutation("a value date is not too early", CONTROLS, "controls.day - back_days AS earliest", "controls.day - 9999 AS earliest"),
    Mutation("a value date is not too late", CONTROLS, "controls.day + ahead_days AS latest", "controls.day + 9999 AS latest"),
    Mutation("what reverses goes backwards", "ledger/sql/030_declare.sql", "ORDER BY at DESC) FROM unnest(o.path)", "ORDER BY at) FROM unnest(route.path)"),
    Mutation("a hold is finished as it was placed", POST, "h_same[i] IS NOT TRUE", "false"),
    Mutation("funds suffice", POST, "AND (a_balance[one] - a_out[one] - a < a_least[one]", "AND (a_balance[one] - a < a_least[one]"),
    Mutation("a ceiling is kept", POST, "OR a_balance[last] + a_in[last] + a > a_most[last])", "OR a_balance[last] + a > a_most[last])"),
    Mutation("a balance does not overflow", SCHEMA, "ELSE 4000000000000000000 END", "ELSE 9000000000000000000 END"),
    Mutation("a key is bound to its request", POST, "CASE WHEN p_same[i] THEN 1 ELSE 2 END", "1"),
    Mutation("a key in the batch is bound too", POST, "CASE WHEN hashes[i] = hashes[other] THEN 1 ELSE 2 END", "1"),
    Mutation("what is refused may be a replay", POST, "probe := NOT probed AND refused > 0 AND (", "probe := false AND ("),
    Mutation("arrays begin at one", POST, "AND array_dims(amounts) = dims", "AND cardinality(amounts) = n"),
    Mutation("only who confirms takes over", POST, "AND session_user IN (asks, finishes)", ""),
    Mutation("a hold counts against funds", POST, "a_out[one] := a_out[one] + a; a_in", "a_in"),
    Mutation("a run is zero when the day closes", "ledger/sql/050_days.sql", "kind.zero_at_close AND account.balance <> 0", "false"),
    Mutation("a path ends where money may stay", "ledger/sql/030_declare.sql", "(kind.invariant = 'zero') <> (at > 1 AND at < cardinality(path))", "false"),
    Mutation("an owner is of the kind's role", "ledger/sql/040_register.sql", "AND party.role = kind.owner_role", ""),
    Mutation("only a client is bound", BIND, "ON c.name = b ->> 'client' AND c.role = 'client'", "ON c.name = b ->> 'client'"),
    Mutation("one account, one client: when bound", BIND, "(5, g.scope <> c.id,", "(5, false,"),
    Mutation("one account, one client: when confirmed", BIND, "(5, o.scope <> g.scope,", "(5, false,"),
    Mutation("identity is the same when bound", BIND, "(3, (c.identity = b ->> 'identity') IS NOT TRUE,", "(3, false,"),
    Mutation("identity is the same when confirmed", BIND, "(4, (c.identity = b ->> 'identity') IS NOT TRUE,", "(4, false,"),
    Mutation("the account confirmed is the one bound", BIND, "(3, (g.payee = b ->> 'account_number') IS NOT TRUE,", "(3, false,"),
    Mutation("the bank confirmed is the one bound", BIND, "(2, (k.name = b ->> 'bank') IS NOT TRUE,", "(2, false,"),
    Mutation("a change waits", BIND, "THEN g.cool_off_days ELSE 0 END", "THEN 0 ELSE 0 END"),
    Mutation("an account that waits is not paid", CONTROLS, "AND b.ended IS NULL\n        AND b.confirmed IS NOT NULL", "AND b.ended IS NULL"),
    Mutation("an account that cools off is not paid", CONTROLS, "(b.valid_from <= controls.day) IS NOT TRUE", "false"),
    Mutation("an account ends with its grant", CONTROLS, "hop > 1 AND action < 2 AND ended", "false"),
    Mutation("revoking ends accounts", GRANTS, "SET lives_until = (SELECT day - 1 FROM head)", "SET lives_until = lives_until"),
    Mutation("one account where one is allowed", SCHEMA, "CHECK (NOT one_per_owner OR ordinal = 1)", "CHECK (true)"),
    Mutation("a cap per item", POST, "(a <= g_item[p]) IS NOT TRUE", "false"),
    Mutation("a cap per day", POST, "(g_today[p] + a <= g_daily[p]) IS NOT TRUE", "false"),
    Mutation("a cap per period", POST, "(g_lately[p] + a <= g_period[p]) IS NOT TRUE", "false"),
    Mutation("a cap on exposure", POST, "act = 1 AND (g_out[p] + a <= g_exposure[p]) IS NOT TRUE", "false"),
    Mutation("use counts up the chain", POST, "IF act = 1 THEN g_out[p] := g_out[p] + a; END IF;\n                p := g_parent[p];", "IF act = 1 THEN g_out[p] := g_out[p] + a; END IF;\n                p := 0;"),
    Mutation("every scope up the chain is kept", LOOKUPS, "WHERE chain.leaf = leaf.id AND chain.scope IS NOT NULL", "WHERE false AND chain.scope IS NOT NULL"),
    Mutation("a grant for one instruction is for its scope", LOOKUPS, "AND covers(g.id, u.subject)", ""),
    Mutation("a grant begins with its day", LOOKUPS, "AND routes_for.day >= g.valid_from", "AND true"),
    Mutation("a grant ends with its day", LOOKUPS, "OR routes_for.day <= g.valid_until)", "OR true)"),
    Mutation("a grant that has ended carries nothing", LOOKUPS, "AND g.ended IS NULL AND g.key IS NULL\n            AND routes_for.day", "AND g.key IS NULL\n            AND routes_for.day"),
    Mutation("only what one has can be granted", GRANTS, "AND g.ended IS NULL AND g.grantee = session_user AND g.key IS NULL", "AND g.ended IS NULL AND g.key IS NULL"),
    Mutation("a child's caps are within its parent's", GRANTS, "ELSE asked > most END", "ELSE false END"),
    Mutation("a child's scope is within its parent's", GRANTS, "(above.scope IS NULL OR above.scope IN (SELECT scopes_of(new.scope)))", "true"),
    Mutation("a child is valid when its parent is", GRANTS, "new.valid_until <= above.valid_until", "true"),
    Mutation("it is granted only to who may ask", GRANTS, "(walks OR known AND", "(known OR known AND"),
    Mutation("only who gave it revokes", GRANTS, "HAVING NOT bool_or(grantor = session_user)", "HAVING false"),
    Mutation("revoking ends all below", GRANTS, "FROM below JOIN grants AS g ON g.parent = below.id", "FROM below JOIN grants AS g ON false"),
    Mutation("an instruction's key is bound to its document", "ledger/sql/010_chain.sql", "IF (earlier.what, earlier.document, earlier.login) <>", "IF false AND (earlier.what, earlier.document, earlier.login) <>"),
    Mutation("a booking day only moves on", "ledger/sql/050_days.sql", "AND open_day.day > before.day) IS NOT TRUE", ") IS NOT TRUE"),
    Mutation("nothing is posted while no day is open", CONTROLS, "WHEN controls.day <= controls.closed_through THEN 18", "WHEN false THEN 18"),
    Mutation("nothing is added to a bank's batch", POST, "ELSIF source_batch <= reached THEN", "ELSIF false THEN"),
    Mutation("reading is granted", "ledger/sql/090_privileges.sql", "WHERE g.grantee = session_user AND g.power = 'read' AND g.ended IS NULL", "WHERE g.grantee = session_user AND g.power = 'read'"),
    Mutation("a reader's scope is kept", "ledger/sql/090_privileges.sql", "h.scope IS NOT NULL AND h.scope <> p.id", "false AND h.scope <> p.id"),
    Mutation("functions are nobody's", SCHEMA, "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;", ""),
    Mutation("a path does not end where it begins", CONTROLS, "AND u.one <> CASE r.length", "AND 0 <> CASE r.length"),
    Mutation("a hold does not expire before today", POST, "(expires[i] >= before.day) IS NOT TRUE", "false"),
    Mutation("time does not go back", "ledger/sql/010_chain.sql", "IF at < latest - interval '1 second' THEN", "IF false THEN"),
    Mutation("a text has a limit", SCHEMA, "CHECK (length(key) BETWEEN 1 AND 200 AND length(payee) <= 200 AND length(ref) <= 2000)", "CHECK (true)"),
    Mutation("an account keeps its kind's bounds", SCHEMA, "CHECK (balance - held_out >= at_least AND balance + held_in <= at_most)", "CHECK (true)"),
    Mutation("the chain hashes who", "ledger/sql/010_chain.sql", "seal.login,\n        before.posting", "'',\n        before.posting"),
    Mutation("the chain hashes references", "ledger/sql/010_chain.sql", "|| sha256(array_send(refs))", "|| sha256('')"),
    Mutation("a visit ends", "ledger/sql/090_privileges.sql", " AND v.until > clock_timestamp()", ""),
    Mutation("a visit is its token's", "ledger/sql/090_privileges.sql", "v.digest = sha256(convert_to(current_setting('ringfence.visit', true), 'UTF8'))", "true"),
    Mutation("members see when their own was recorded", "ledger/sql/090_privileges.sql", "WHERE p.id >= batch.first_posting AND p.id < batch.first_posting + batch.postings", "WHERE true"),
    Mutation("members see their own margin", SETTLEMENT, "CREATE POLICY own_clients ON requirement FOR SELECT TO ringfence_exchange_member\nUSING (client IN (SELECT party.name FROM exchange.party))", "CREATE POLICY own_clients ON requirement FOR SELECT TO ringfence_exchange_member\nUSING (true)"),
    Mutation("members see their own lots", SETTLEMENT, "CREATE POLICY own_clients ON lot FOR SELECT TO ringfence_exchange_member\nUSING (client IN (SELECT party.name FROM exchange.party))", "CREATE POLICY own_clients ON lot FOR SELECT TO ringfence_exchange_member\nUSING (true)"),
    Mutation("members see their own closed lots", SETTLEMENT, "CREATE POLICY own_clients ON closed FOR SELECT TO ringfence_exchange_member\nUSING (client IN (SELECT party.name FROM exchange.party))", "CREATE POLICY own_clients ON closed FOR SELECT TO ringfence_exchange_member\nUSING (true)"),
    Mutation("members see their own orders", ORDERS, "CREATE POLICY own_clients ON orders FOR SELECT TO ringfence_exchange_member\nUSING (client IN (SELECT party.name FROM exchange.party))", "CREATE POLICY own_clients ON orders FOR SELECT TO ringfence_exchange_member\nUSING (true)"),
    Mutation("a lot ends once", SETTLEMENT, "USING (until = 'infinity') WITH CHECK (until < 'infinity')", "USING (true) WITH CHECK (until < 'infinity')"),
    Mutation("a trade is between orders of its clients", ORDERS, "(o.day, o.contract, o.client, o.side, o.opens) IS DISTINCT FROM (m.day, m.contract, s.client, s.side, s.offs = 'open')\n        OR", ""),
    Mutation("a trade is at the orders' prices or better", ORDERS, "OR (m.price_minor - o.price_minor) * s.side > 0", ""),
    Mutation("a trade fills no more than is left", ORDERS, "> 0 OR o.rest < 0", "> 0"),
    Mutation("what is cancelled is what was left", ORDERS, "USING (order_no) WHERE o.rest <> 0", "USING (order_no) WHERE false"),
    Mutation("nothing comes into a closed day", STAGES, "IF dated <= last THEN", "IF false THEN"),
    Mutation("a day is planned once trading is closed", STAGES, ", ADD FOREIGN KEY (day) REFERENCES trading_closed", ""),
    Mutation("a day is covered once it is planned", STAGES, "PRIMARY KEY REFERENCES planned", "PRIMARY KEY"),
    Mutation("a day is posted once it is covered", STAGES, "PRIMARY KEY REFERENCES covered", "PRIMARY KEY"),
    Mutation("a day is settled once it is posted", STAGES, ", ADD FOREIGN KEY (day) REFERENCES posted", ""),
    Mutation("an order is a registered client's", CHECKS, "if order.client not in self._clients:", "if False:"),
    Mutation("an order is for a contract that trades", CHECKS, "if not traded.trades:", "if False:"),
    Mutation("an order has a largest size", CHECKS, "(most is not None and order.lots > most)", "False"),
    Mutation("an order is on the tick", CHECKS, "order.price_minor <= 0 or order.price_minor % traded.tick_minor", "order.price_minor <= 0"),
    Mutation("an order is not below the lower price limit", CHECKS, "order.price_minor < lowest or", "False or"),
    Mutation("an order is not above the upper price limit", CHECKS, "(highest is not None and order.price_minor > highest)", "False"),
    Mutation("no more is closed than is open", CHECKS, "if order.lots > left:", "if False:"),
    Mutation("lots are closed once", CHECKS, "self._closable[held] = left - order.lots", "pass"),
    Mutation("an order has the funds", LEFT, "if needed > available:", "if False:"),
    Mutation("funds are counted on once", LEFT, "left_minor[client] = available - needed", "pass"),
    Mutation("a sale is held at the upper limit", CHECKS, 'price = order.price_minor if order.side == "buy" else highest or order.price_minor', "price = order.price_minor"),
    Mutation("what a cancelled order gave back leaves tomorrow", "margin/standing.py", "unfrozen=column(given_back.get(name, 0) for name in names),", ""),
    Mutation("what closing set free leaves tomorrow", "margin/standing.py", '("released", days.released),', ""),
    Mutation("a floating profit is not available", "margin/funds.py", "np.maximum(0, -np.asarray(floating))", "-np.asarray(floating)"),
    Mutation("money only changes hands", "margin/day.py", "if one.profit_minor or not 0", "if not 0"),
    Mutation("deferred fees come from somewhere", "margin/day.py", "if one.profit_minor or not 0 <= one.left_over_minor <= 2 * clients:", "if one.profit_minor:"),
    Mutation("as many are long as short", "margin/day.py", "if not one.is_whole:", "if False:"),
    Mutation("a plan is checked", "margin/planning.py", "require_zero_sum(self.day, found, self._clients)", "pass"),
    Mutation("all parts of a plan are added up", "margin/planning.py", "together(self._balances, found) if self._balances else found", "found"),
    Mutation("a guarantee pays for its own member's clients", "margin/planning.py", '("member-guarantee", self._member(name))', '("member-guarantee", max(self._purses))'),
    Mutation("a guarantee is used once", "margin/planning.py", "purse[bank] -= paid", "pass"),
    Mutation("a client receives before it pays", "margin/posting.py", "np.lexsort((move, amount < 0, client))", "np.lexsort((move, amount > 0, client))"),
    Mutation("metal is paid for after what its taker receives", "margin/posting.py", "values[np.isin(found.names, without)] = 0", "pass"),
    Mutation("a client has no day that is not planned", BY_CLIENT, "WHERE d.day NOT IN", "WHERE false AND d.day NOT IN"),
    Mutation("a plain batch keeps to what a grant allows at once", POST, "plain := (largest <= g_item[p] AND", "plain := (true AND"),
    Mutation("a plain batch keeps to what a grant allows a day", POST, "g_today[p] + total <= g_daily[p] AND", "true AND"),
    Mutation("a plain batch keeps to what a grant allows in its period", POST, "AND g_lately[p] + total <= g_period[p])\n", "AND true)\n"),
    Mutation("a plain batch counts against every grant up the chain", POST, "                    p := g_parent[p];\n                END LOOP;\n            END LOOP;\n            WHILE plain", "                    p := 0;\n                END LOOP;\n            END LOOP;\n            WHILE plain"),
    Mutation("a plain batch has the funds", POST, "known - a_out[one] >= a_least[one] AND", "true AND"),
    Mutation("a plain batch keeps to the ceiling", POST, "AND seen + a_in[last] <= a_most[last]) IS TRUE", ") IS TRUE"),
    Mutation("a plain batch reverses nothing", POST, "plain := plain AND r_reverses[r] = 0;", ""),
    Mutation("a batch in which something is refused is not plain", POST, "AND NOT probed AND 0 = ALL (i_refused)", "AND NOT probed"),
    Mutation("keys that are looked up make a batch not plain", POST, "AND simple AND NOT probed AND", "AND simple AND"),
    Mutation("what is refused in bulk is told", "ledger/ledger.py", "            if columns[0]:", "            if False:"),
    Mutation("nobody is covered beyond the reserve", "margin/planning.py", "if missing > 0:\n                raise", "if False:\n                raise"),
    Mutation("nothing is closed that is not open", "margin/lots.py", "    _require_enough(lots, fills, side)\n\n", ""),
    Mutation("neutrals come after position holders", "margin/delivery.py", "(tender.neutral, tender.number)", "tender.number"),
    Mutation("neutrals come only where something is lacking", "margin/delivery.py", "if tender.neutral and (gap is None or tender.side != gap[0]):", "if False:"),
    Mutation("no metal is given twice", "margin/delivery.py", "means.metal_minor[giver, contract.metal] -= weight", "pass"),
    Mutation("no cash is paid twice", "margin/delivery.py", "means.cash_minor[client] += min(0, amount)", "pass"),
    Mutation("metal is paid for out of what is free", "margin/planning.py", "+ clients.change - clients.margin", "+ clients.change"),
    Mutation("metal that is bound is not delivered", "margin/metal.py", "held.available_minor for held in holdings(connection", "held.balance_minor for held in holdings(connection"),
    Mutation("a kind is kept in its units", "ledger/sql/040_register.sql", "AND (kind.units IS NULL OR unit.id = ANY (kind.units)) ", ""),
    Mutation("a spot trade is booked with its payment", SPOT, "    WHERE (m.paid_by IS NOT NULL) <> EXISTS", "    WHERE false AND (m.paid_by IS NOT NULL) <> EXISTS"),
    Mutation("a spot trade's payment is its own", SPOT, "WHERE p.id = m.paid_by) IS DISTINCT FROM", "WHERE p.id = m.paid_by) IS NULL AND '' IS DISTINCT FROM"),
    Mutation("a part of the proceeds is kept back", "margin/funds.py", " - (np.asarray(proceeds) - reusable)", ""),
    Mutation("proceeds leave tomorrow", "margin/funds.py", "np.asarray(realised)) - reusable", "np.asarray(realised))"),
    Mutation("metal received leaves tomorrow", "margin/metal.py", "self.available_minor - self.received_minor", "self.available_minor"),
    Mutation("metal is taken out once", "margin/metal.py", "left[one.client, one.metal] = most - one.weight_minor", "pass"),
    Mutation("a sale has its metal", LEFT, "if weight_minor > there:", "if False:"),
    Mutation("a holder tenders what is open", "margin/tenders.py", "if asked.lots > left:", "if False:"),
    Mutation("a neutral holds what it gives", "margin/tenders.py", "if taken.reserved_minor:", "if False:"),
    Mutation("tenders come in their time", DELIVERY, "IF coalesce(planned, false) OR coalesce(closed, false) <> NEW.neutral THEN", "IF false THEN"),
    Mutation("a neutral comes where something is lacking", DELIVERY, "AND c.pays = NEW.side", ""),
    Mutation("nobody tenders on both sides", DELIVERY, "AND t.side <> NEW.side", "AND false"),
    Mutation("a tender is cancelled in its time", DELIVERY, "t.tender_no = NEW.tender_no\n            AND t.day <=", "false AND t.day <="),
    Mutation("what is counted was tendered", DELIVERY, "    IF EXISTS (\n        SELECT FROM tender AS t\n        WHERE t.day = NEW.day AND t.contract = NEW.contract AND NOT t.neutral", "    IF EXISTS (\n        SELECT FROM tender AS t\n        WHERE false"),
    Mutation("a match is of its tenders", DELIVERY, "IS DISTINCT FROM (m.day, m.contract, s.client, s.side, s.offs = 'open')", "IS NULL"),
    Mutation("no more is matched than was tendered", DELIVERY, "OR t.lots < (", "OR 0 > ("),
    Mutation("matches come when trading is closed", DELIVERY, "NOT EXISTS (SELECT FROM trading_closed AS c WHERE c.day = m.day)", "false"),
    Mutation("a guarantee pays for its own clients alone", "margin/risk.py", "np.minimum(shortfall, guarantees)", "np.minimum(shortfall, guarantees.sum())"),
    Mutation("a call is open until trading opens", "margin/exposure.py", '"open" if now < due else', '"open" if True else'),
    Mutation("a fill is seen by whose it is", FILLS, "USING (client IN (SELECT party.name FROM exchange.party))", "USING (true)"),
    Mutation("a trade has both its sides", FILLS, "(VALUES (1, m.buyer, m.buyer_offset), (-1, m.seller, m.seller_offset)) AS s (side, client, offs);\n    RETURN NULL;", "(VALUES (1, m.buyer, m.buyer_offset)) AS s (side, client, offs);\n    RETURN NULL;"),
    Mutation("members see their own", "ledger/sql/090_privileges.sql", "USING (owner IN (SELECT party.id FROM {ledger}.party))", "USING (true)"),
    Mutation("a wish is under the key in force", FOUNDING, "\n        AND public_key = (SELECT k.public_key FROM ringfence_office.client_key AS k\n            WHERE k.book = wish.book AND k.client = wish.client ORDER BY k.id DESC LIMIT 1));", ");"),
    Mutation("a registrar registers keys in its own book", FOUNDING, "WITH CHECK (book = {book} AND client IN (SELECT name FROM {ledger}.party WHERE role = 'client'));\n    CREATE POLICY {policy} ON ringfence_office.wish", "WITH CHECK (true);\n    CREATE POLICY {policy} ON ringfence_office.wish"),
    Mutation("a wish is signed when it is made", "office/wishes.py", "    if not signed(", "    if False and not signed("),
    Mutation("a wish is signed by the key in force when it is taken up", "office/wishes.py", "self.public_key == self.in_force and ", ""),
    Mutation("a paper is used once", "office/papers.py", 'return f"{key}:{self.used + 1}" if self.source.parted and self.used else key', 'return f"{key}:{self.used + 1}"'),
    Mutation("a paper that is parted is not more than it says", "office/asked.py", "if not 0 < amount <= paper.rest_minor or (whole and amount != paper.rest_minor):", "if whole and amount != paper.rest_minor:"),
    Mutation("a paper is taken over whole", "office/asked.py", " or (whole and amount != paper.rest_minor):", ":"),
    Mutation("a paper is for its client", "office/asked.py", 'if named and asked.client not in ("", named):', "if False:"),
    Mutation("what the bank has paid on is not released", "office/desk.py", "if paid is not None:", "if False:"),
    Mutation("the verifier sees what stands on no paper", "office/readings.py", "            if not stands\n", "            if False\n"),
    Mutation("the verifier sees more than a paper says", "office/readings.py", "if (source.whole and amount != says) or amount > says:", "if False:"),
    Mutation("the verifier sees another client than the paper's", "office/readings.py", "and subject != client", "and False"),
    Mutation("the verifier reads clients' signatures", "office/readings.py", "if not (by and signed(", "if False and not (by and signed("),
    Mutation("what is in transit explains, and no more", "office/readings.py", "return self.held_minor - self.said_minor - self.transit_minor", "return 0"),
)  # fmt: skip


def main() -> None:
    """Try every mutation, or those whose safety contains the words on the command line; exit 1 if one survives."""
    wanted = " ".join(sys.argv[1:])
    survived = [mutation.safety for mutation in MUTATIONS if wanted in mutation.safety and _survives(mutation)]
    for safety in survived:
        sys.stdout.write(f"NOTHING WATCHES THAT {safety}\n")
    sys.exit(bool(survived))


def _survives(mutation: Mutation) -> bool:
    with tempfile.TemporaryDirectory(prefix="ringfence-mutant-") as place:
        # The embedded server's programs are found in the environment; the package is taken from the copy.
        source = Path(place) / "src"
        shutil.copytree(ROOT / "src", source)
        file = source / "ringfence" / mutation.file
        text = file.read_text("utf-8")
        if text.count(mutation.before) != 1:
            sys.exit(f"{mutation.safety}: {mutation.file} does not have this once: {mutation.before}")
        file.write_text(text.replace(mutation.before, mutation.after), "utf-8")
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-x",
                "-q",
                "-p",
                "no:cacheprovider",
                *WATCHED_BY.get(mutation.file, TESTS),
            ],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(source)},
            capture_output=True,
            text=True,
            check=False,
        )
    sys.stdout.write(f"{'SURVIVED' if done.returncode == 0 else 'found   '}  {mutation.safety}\n")
    sys.stdout.flush()
    return done.returncode == 0


if __name__ == "__main__":
    main()
