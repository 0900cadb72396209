-- What people read: every entry with its posting, in words.
CREATE OR REPLACE VIEW {ledger}.journal WITH (security_invoker = true) AS
SELECT p.id AS posting, p.batch, r.name AS route, s.name AS subject, k.name AS kind, o.name AS owner, u.code AS unit,
    e.amount, e.balance, p.value_date, p.ref, p.key, e.id AS entry
FROM {ledger}.entry AS e
JOIN {ledger}.posting AS p ON p.id = e.id / 8
JOIN {ledger}.account AS a ON a.id = e.account
JOIN {ledger}.kind AS k ON k.id = a.kind
JOIN {ledger}.party AS o ON o.id = a.owner
JOIN {ledger}.unit AS u ON u.id = a.unit
JOIN {ledger}.party AS s ON s.id = p.subject
JOIN {ledger}.route AS r ON r.id = p.route;

-- Accounts with their balances, in words.
CREATE OR REPLACE VIEW {ledger}.balances WITH (security_invoker = true) AS
SELECT k.name AS kind, o.name AS owner, u.code AS unit, a.ordinal, a.number, a.balance, a.held_out, a.held_in,
    a.balance - a.held_out AS available, a.id AS account
FROM {ledger}.account AS a
JOIN {ledger}.kind AS k ON k.id = a.kind
JOIN {ledger}.party AS o ON o.id = a.owner
JOIN {ledger}.unit AS u ON u.id = a.unit;

-- A member's total is the sum of its clients: a reading, so that it cannot differ.
CREATE OR REPLACE VIEW {ledger}.member_total WITH (security_invoker = true) AS
SELECT m.name AS member, k.name AS kind, u.code AS unit, count(*) AS clients, sum(a.balance) AS balance
FROM {ledger}.account AS a
JOIN {ledger}.party AS o ON o.id = a.owner
JOIN {ledger}.party AS m ON m.id = o.member
JOIN {ledger}.kind AS k ON k.id = a.kind
JOIN {ledger}.unit AS u ON u.id = a.unit
GROUP BY m.name, k.name, u.code;

-- The account that each client registered: waiting to be confirmed, or in force from a day on.
CREATE OR REPLACE VIEW {ledger}.binding WITH (security_invoker = true) AS
SELECT c.name AS client, b.name AS bank, g.payee AS account_number, c.identity, g.confirmed IS NULL AS waiting,
    g.valid_from AS in_force_from, g.id AS grant_id
FROM {ledger}.grants AS g
JOIN {ledger}.party AS c ON c.id = g.scope
JOIN {ledger}.party AS b ON b.id = g.bank
WHERE g.power = 'account' AND g.ended IS NULL;

-- What every account was on the day `about`, by its value dates, as it was known at the end of the booking day `known`: what
-- the entries recorded by then left, less what of them is dated later. Nothing is rewritten when something is dated back.
CREATE OR REPLACE FUNCTION {ledger}.balances_as_known(known date, about date)
RETURNS TABLE (kind text, owner text, unit text, ordinal smallint, number text, balance bigint)
LANGUAGE sql STABLE SET search_path = {ledger}, pg_temp AS $$
    WITH recorded AS (
        -- The last posting that was known, and the first that may be dated after the day asked about.
        SELECT coalesce((SELECT b.first_posting + b.postings - 1 FROM batch AS b WHERE b.day <= known
                ORDER BY b.day DESC, b.id DESC LIMIT 1), 0) * 8 + 7 AS last,
            coalesce((SELECT b.first_posting FROM batch AS b WHERE b.day > about - (SELECT max(ahead_days) FROM route)
                ORDER BY b.day, b.id LIMIT 1), (SELECT posting + 1 FROM head)) * 8 AS first
    )
    SELECT k.name, o.name, u.code, a.ordinal, a.number,
        (coalesce(l.balance, 0) - coalesce(d.amount, 0))::bigint
    FROM account AS a
    CROSS JOIN recorded AS r
    JOIN kind AS k ON k.id = a.kind JOIN party AS o ON o.id = a.owner JOIN unit AS u ON u.id = a.unit
    LEFT JOIN LATERAL (
        SELECT e.balance FROM entry AS e WHERE e.account = a.id AND e.id <= r.last ORDER BY e.id DESC LIMIT 1
    ) AS l ON true
    LEFT JOIN LATERAL (
        SELECT sum(e.amount) AS amount FROM entry AS e JOIN posting AS p ON p.id = e.id / 8
        WHERE e.account = a.id AND e.id BETWEEN r.first AND r.last AND p.value_date > balances_as_known.about
    ) AS d ON true
    ORDER BY a.id
$$;
