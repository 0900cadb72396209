-- Delivery: tenders, their count, their matches, and what became of those. A match is a trade at the settlement price between two
-- tenders, free of fee: who delivers buys back what it was short of, who receives sells what it was long of, and a neutral
-- opens. Rows are added and never changed.
CREATE TABLE tender (
    tender_no text PRIMARY KEY CHECK (length(tender_no) BETWEEN 1 AND 100),
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    day date NOT NULL,
    client text NOT NULL,
    contract text NOT NULL,
    -- 1 receives metal, -1 delivers it: the side of the position that it closes.
    side smallint NOT NULL CHECK (side IN (-1, 1)),
    neutral boolean NOT NULL,
    lots integer NOT NULL CHECK (lots > 0),
    -- What a neutral holds: metal that it delivers, or a part of the money for what it receives.
    reserved_minor bigint NOT NULL CHECK (reserved_minor >= 0),
    held_in text NOT NULL,
    hold bigint,
    tendered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((hold IS NULL) = (reserved_minor = 0)),
    CHECK (neutral OR reserved_minor = 0)
);
CREATE INDEX tender_day ON tender (day, contract);
CREATE TABLE tender_cancelled (
    tender_no text PRIMARY KEY REFERENCES tender,
    cancelled_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- What position holders tendered, counted when trading closed; `pays` as in price: the side that tendered less.
CREATE TABLE tender_count (
    day date NOT NULL REFERENCES trading_closed,
    contract text NOT NULL,
    deliver_lots bigint NOT NULL CHECK (deliver_lots >= 0),
    receive_lots bigint NOT NULL CHECK (receive_lots >= 0),
    pays smallint NOT NULL GENERATED ALWAYS AS (
        CASE WHEN deliver_lots < receive_lots THEN -1 WHEN deliver_lots > receive_lots THEN 1 ELSE 0 END) STORED,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (day, contract)
);

ALTER TABLE trade ALTER buyer_order DROP NOT NULL, ALTER seller_order DROP NOT NULL,
ADD buyer_tender text REFERENCES tender, ADD seller_tender text REFERENCES tender,
ADD CHECK (num_nonnulls(buyer_order, seller_order) = 2 AND num_nonnulls(buyer_tender, seller_tender) = 0
    OR num_nonnulls(buyer_order, seller_order) = 0 AND num_nonnulls(buyer_tender, seller_tender) = 2);
CREATE INDEX trade_buyer_tender ON trade (buyer_tender) WHERE buyer_tender IS NOT NULL;
CREATE INDEX trade_seller_tender ON trade (seller_tender) WHERE seller_tender IS NOT NULL;

-- What became of a match: metal against money, or whose default ended it and what that cost.
CREATE TABLE delivery (
    trade bigint PRIMARY KEY REFERENCES trade (number),
    day date NOT NULL REFERENCES planned,
    contract text NOT NULL,
    giver text NOT NULL,
    taker text NOT NULL,
    metal text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('delivered', 'giver-defaults', 'taker-defaults', 'both-default')),
    weight_minor bigint NOT NULL CHECK (weight_minor > 0),
    value_minor bigint NOT NULL CHECK (value_minor > 0),
    penalty_minor bigint NOT NULL CHECK (penalty_minor >= 0),
    CHECK (penalty_minor = 0 OR outcome IN ('giver-defaults', 'taker-defaults'))
);
CREATE INDEX delivery_day ON delivery (day);

ALTER TABLE piece DROP CONSTRAINT piece_what_check, ADD CONSTRAINT piece_what_check CHECK (
    what IN ('member-guarantee', 'exchange-reserve', 'realised', 'marked', 'fee', 'deferred', 'overdue', 'left-over', 'penalty')
);

-- Position holders tender while trading is open, and cancel until it closes; neutrals afterwards, on the side that is lacking,
-- until the day is planned. All tenders of a client in a contract are on one side.
CREATE FUNCTION {ledger}.tenders_in_its_time() RETURNS trigger
LANGUAGE plpgsql SET search_path = {ledger}, pg_temp AS $$
DECLARE
    closed CONSTANT boolean := NEW.day <= (SELECT max(day) FROM trading_closed);
    planned CONSTANT boolean := NEW.day <= (SELECT max(day) FROM planned);
BEGIN
    IF coalesce(planned, false) OR coalesce(closed, false) <> NEW.neutral THEN
        RAISE EXCEPTION 'tender %: not in its time', NEW.tender_no USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.neutral AND NOT EXISTS (
        SELECT FROM tender_count AS c WHERE c.day = NEW.day AND c.contract = NEW.contract AND c.pays = NEW.side
    ) THEN
        RAISE EXCEPTION 'tender %: a neutral comes where something is lacking', NEW.tender_no USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
        SELECT FROM tender AS t WHERE t.day = NEW.day AND t.client = NEW.client AND t.contract = NEW.contract AND t.side <> NEW.side
            AND NOT EXISTS (SELECT FROM tender_cancelled AS c WHERE c.tender_no = t.tender_no)
    ) THEN
        RAISE EXCEPTION 'tender %: one client on both sides', NEW.tender_no USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER tenders_in_its_time BEFORE INSERT ON tender FOR EACH ROW EXECUTE FUNCTION {ledger}.tenders_in_its_time();

CREATE FUNCTION {ledger}.cancels_in_its_time() RETURNS trigger
LANGUAGE plpgsql SET search_path = {ledger}, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM tender AS t WHERE t.tender_no = NEW.tender_no
            AND t.day <= CASE WHEN t.neutral THEN (SELECT max(day) FROM planned) ELSE (SELECT max(day) FROM trading_closed) END
    ) THEN
        RAISE EXCEPTION 'tender %: too late to cancel', NEW.tender_no USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER cancels_in_its_time BEFORE INSERT ON tender_cancelled
FOR EACH ROW EXECUTE FUNCTION {ledger}.cancels_in_its_time();

-- What is counted is what was tendered.
CREATE FUNCTION {ledger}.counts_what_was_tendered() RETURNS trigger
LANGUAGE plpgsql SET search_path = {ledger}, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM tender AS t
        WHERE t.day = NEW.day AND t.contract = NEW.contract AND NOT t.neutral
            AND NOT EXISTS (SELECT FROM tender_cancelled AS c WHERE c.tender_no = t.tender_no)
        HAVING coalesce(sum(t.lots) FILTER (WHERE t.side = -1), 0) <> NEW.deliver_lots
            OR coalesce(sum(t.lots) FILTER (WHERE t.side = 1), 0) <> NEW.receive_lots
    ) THEN
        RAISE EXCEPTION '%: the count is not what was tendered', NEW.contract USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER counts_what_was_tendered BEFORE INSERT ON tender_count
FOR EACH ROW EXECUTE FUNCTION {ledger}.counts_what_was_tendered();

-- A trade between orders comes while trading is open, a match of tenders after that and before the day is planned: both of its
-- day, contract and client, to close, or to open where it is neutral, and not more lots than were tendered.
DROP TRIGGER not_dated_back ON trade;
CREATE TRIGGER not_dated_back BEFORE INSERT ON trade
FOR EACH ROW WHEN (new.buyer_order IS NOT NULL) EXECUTE FUNCTION {ledger}.comes_after_what_is_planned('day');
CREATE FUNCTION {ledger}.match_fills_tenders() RETURNS trigger
LANGUAGE plpgsql SET search_path = {ledger}, pg_temp AS $$
DECLARE
    wrong text;
BEGIN
    SELECT format('match %s: tender %s does not allow it', m.trade_no, t.tender_no) INTO wrong
    FROM made AS m
    CROSS JOIN LATERAL (VALUES
        (m.buyer_tender, m.buyer, -1, m.buyer_offset), (m.seller_tender, m.seller, 1, m.seller_offset)
    ) AS s (tender_no, client, side, offs)
    JOIN tender AS t ON t.tender_no = s.tender_no
    WHERE (t.day, t.contract, t.client, t.side, t.neutral) IS DISTINCT FROM (m.day, m.contract, s.client, s.side, s.offs = 'open')
        OR EXISTS (SELECT FROM tender_cancelled AS c WHERE c.tender_no = t.tender_no)
        OR EXISTS (SELECT FROM planned AS p WHERE p.day >= m.day)
        OR NOT EXISTS (SELECT FROM trading_closed AS c WHERE c.day = m.day)
        OR t.lots < (
            SELECT sum(x.lots) FROM (
                SELECT lots FROM trade WHERE buyer_tender = t.tender_no
                UNION ALL SELECT lots FROM trade WHERE seller_tender = t.tender_no
            ) AS x)
    ORDER BY m.number LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER match_fills_tenders AFTER INSERT ON trade REFERENCING NEW TABLE AS made
FOR EACH STATEMENT EXECUTE FUNCTION {ledger}.match_fills_tenders();

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {ledger} FROM PUBLIC;
GRANT SELECT, INSERT ON tender, tender_cancelled, tender_count, delivery TO ringfence_exchange_settlement;
GRANT SELECT ON tender, tender_cancelled, tender_count, delivery TO ringfence_exchange_reads;
-- Everybody reads the count, which is published; members and clients their own tenders. Not matches: each names the other side.
GRANT SELECT ON tender, tender_cancelled, tender_count TO ringfence_exchange_member;
ALTER TABLE tender ENABLE ROW LEVEL SECURITY;
ALTER TABLE tender_cancelled ENABLE ROW LEVEL SECURITY;
CREATE POLICY staff ON tender TO ringfence_exchange_reads USING (true) WITH CHECK (true);
CREATE POLICY staff ON tender_cancelled TO ringfence_exchange_reads USING (true) WITH CHECK (true);
CREATE POLICY own_clients ON tender FOR SELECT TO ringfence_exchange_member
USING (client IN (SELECT party.name FROM exchange.party));
CREATE POLICY own_clients ON tender_cancelled FOR SELECT TO ringfence_exchange_member
USING (tender_no IN (SELECT t.tender_no FROM tender AS t));
