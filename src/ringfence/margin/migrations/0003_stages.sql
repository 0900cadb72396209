-- The stages of a day, each a table of days: none is reached but from the one before it, and none is left again.
--     trading_closed > planned > covered > posted > settled
-- While trading is not closed a day is open: orders and trades come in. Everything up to `settled` can be done again from
-- wherever it stopped.
CREATE TABLE trading_closed (
    day date PRIMARY KEY,
    cancelled integer NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE planned ADD at timestamptz NOT NULL DEFAULT clock_timestamp(), ADD FOREIGN KEY (day) REFERENCES trading_closed;
CREATE TABLE covered (
    day date PRIMARY KEY REFERENCES planned,
    covers integer NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE posted (
    day date PRIMARY KEY REFERENCES covered,
    postings integer NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
ALTER TABLE settled ADD at timestamptz NOT NULL DEFAULT clock_timestamp(), ADD FOREIGN KEY (day) REFERENCES posted;

CREATE VIEW stage WITH (security_invoker = true) AS
SELECT day, 1 AS number, 'trading-closed' AS stage, at, cancelled AS figure FROM trading_closed
UNION ALL SELECT day, 2, 'planned', at, (SELECT count(*) FROM piece AS p WHERE p.day = s.day)::integer FROM planned AS s
UNION ALL SELECT day, 3, 'covered', at, covers FROM covered
UNION ALL SELECT day, 4, 'posted', at, postings FROM posted
UNION ALL SELECT day, 5, 'settled', at, 0 FROM settled;

-- A cover may come from several banks.
ALTER TABLE piece DROP CONSTRAINT piece_pkey, ADD UNIQUE NULLS NOT DISTINCT (day, client, what, bank);

-- No order and no trade comes into a day whose trading is closed, nor is a rule dated back into a day that is planned.
CREATE OR REPLACE FUNCTION {ledger}.comes_after_what_is_planned() RETURNS trigger
LANGUAGE plpgsql SET search_path = {ledger}, pg_temp AS $$
DECLARE
    dated date := (to_jsonb(NEW) ->> TG_ARGV[0])::date;
    last date := CASE TG_TABLE_NAME
        WHEN 'rule' THEN (SELECT max(day) FROM planned)
        ELSE (SELECT max(day) FROM trading_closed)
    END;
BEGIN
    IF dated <= last THEN
        RAISE EXCEPTION '% is closed, as is every day up to %', dated, last USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {ledger} FROM PUBLIC;

GRANT SELECT, INSERT ON trading_closed, covered, posted TO ringfence_exchange_settlement;
GRANT SELECT ON trading_closed, covered, posted, stage TO ringfence_exchange_reads;
GRANT SELECT ON trading_closed TO ringfence_exchange_member;
