-- What a day moves of each client stands in one row with what its positions need afterwards: a day of a million clients is a
-- million rows. What is paid for clients that cannot pay, and what rounding left over, stands apart. Amounts in fen, signed as
-- the client sees them.
ALTER TABLE requirement RENAME TO client_day;
ALTER TABLE client_day
ADD realised_minor bigint NOT NULL DEFAULT 0,
ADD marked_minor bigint NOT NULL DEFAULT 0,
ADD fee_minor bigint NOT NULL DEFAULT 0 CHECK (fee_minor <= 0),
ADD deferred_minor bigint NOT NULL DEFAULT 0,
ADD overdue_minor bigint NOT NULL DEFAULT 0 CHECK (overdue_minor <= 0),
ADD penalty_minor bigint NOT NULL DEFAULT 0;
UPDATE client_day AS c SET
    realised_minor = p.realised, marked_minor = p.marked, fee_minor = p.fee, deferred_minor = p.deferred,
    overdue_minor = p.overdue, penalty_minor = p.penalty
FROM (
    SELECT day, client,
        coalesce(sum(amount_minor) FILTER (WHERE what = 'realised'), 0) AS realised,
        coalesce(sum(amount_minor) FILTER (WHERE what = 'marked'), 0) AS marked,
        coalesce(sum(amount_minor) FILTER (WHERE what = 'fee'), 0) AS fee,
        coalesce(sum(amount_minor) FILTER (WHERE what = 'deferred'), 0) AS deferred,
        coalesce(sum(amount_minor) FILTER (WHERE what = 'overdue'), 0) AS overdue,
        coalesce(sum(amount_minor) FILTER (WHERE what = 'penalty'), 0) AS penalty
    FROM piece WHERE bank IS NULL AND what <> 'left-over' GROUP BY day, client
) AS p
WHERE c.day = p.day AND c.client = p.client;

CREATE TABLE cover (
    day date NOT NULL REFERENCES planned,
    client text NOT NULL,
    source text NOT NULL CHECK (source IN ('member-guarantee', 'exchange-reserve')),
    bank text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    PRIMARY KEY (day, client, source, bank)
);
INSERT INTO cover SELECT day, client, what, bank, amount_minor FROM piece WHERE bank IS NOT NULL;

CREATE TABLE left_over (
    day date NOT NULL REFERENCES planned,
    contract text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    PRIMARY KEY (day, contract)
);
INSERT INTO left_over SELECT day, client, amount_minor FROM piece WHERE what = 'left-over';

DROP VIEW stage;
DROP TABLE piece;
-- What a day moves, piece by piece.
CREATE VIEW piece WITH (security_invoker = true) AS
SELECT c.day, c.client, w.what, w.amount_minor, NULL AS bank
FROM client_day AS c
CROSS JOIN LATERAL (VALUES
    ('realised', c.realised_minor), ('marked', c.marked_minor), ('fee', c.fee_minor), ('deferred', c.deferred_minor),
    ('overdue', c.overdue_minor), ('penalty', c.penalty_minor)
) AS w (what, amount_minor)
WHERE w.amount_minor <> 0
UNION ALL SELECT day, client, source, amount_minor, bank FROM cover
UNION ALL SELECT day, contract, 'left-over', amount_minor, NULL FROM left_over;

CREATE VIEW stage WITH (security_invoker = true) AS
SELECT day, 1 AS number, 'trading-closed' AS stage, at, cancelled AS figure FROM trading_closed
UNION ALL
SELECT day, 2, 'planned', at, (SELECT count(*) FROM piece AS p WHERE p.day = s.day)::integer FROM planned AS s
UNION ALL SELECT day, 3, 'covered', at, covers FROM covered
UNION ALL SELECT day, 4, 'posted', at, postings FROM posted
UNION ALL SELECT day, 5, 'settled', at, 0 FROM settled;

-- That its day is planned is looked at once for all rows that are written together, not row by row.
ALTER TABLE client_day DROP CONSTRAINT requirement_day_fkey;
CREATE FUNCTION {ledger}.is_planned() RETURNS trigger
LANGUAGE plpgsql SET search_path = {ledger}, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT m.day FROM made AS m) AS d WHERE d.day NOT IN (SELECT p.day FROM planned AS p)) THEN
        RAISE EXCEPTION 'a client has no day that is not planned' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER is_planned AFTER INSERT ON client_day REFERENCING NEW TABLE AS made
FOR EACH STATEMENT EXECUTE FUNCTION {ledger}.is_planned();
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {ledger} FROM PUBLIC;

-- Lots that are open, and fills of a day, by client: how a settlement reads them, some clients at a time.
DROP INDEX lot_open;
CREATE INDEX lot_open ON lot (client, contract) WHERE until = 'infinity';
DROP INDEX fill_client;
CREATE INDEX fill_client ON fill (day, client);

GRANT SELECT, INSERT ON cover, left_over TO ringfence_exchange_settlement;
GRANT SELECT ON cover, left_over, piece, stage TO ringfence_exchange_reads;
