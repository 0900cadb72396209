-- The exchange's settlement: dated rules, trades as they were booked, and for each day what it was decided to post and what
-- is open after it. Rows are added and never changed, but that a lot ends. Amounts and prices in fen.
CREATE TABLE rule (
    contract text NOT NULL,
    rule text NOT NULL,
    effective_from date NOT NULL,
    value text NOT NULL,
    status text NOT NULL,
    source text NOT NULL CHECK (source <> ''),
    number integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    PRIMARY KEY (contract, rule, effective_from)
);

CREATE TABLE trade (
    day date NOT NULL,
    trade_no text PRIMARY KEY,
    contract text NOT NULL,
    buyer text NOT NULL,
    buyer_offset text NOT NULL CHECK (buyer_offset IN ('open', 'close')),
    seller text NOT NULL,
    seller_offset text NOT NULL CHECK (seller_offset IN ('open', 'close')),
    lots integer NOT NULL CHECK (lots > 0),
    price_minor bigint NOT NULL CHECK (price_minor > 0),
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    CHECK (buyer <> seller)
);
CREATE INDEX trade_day ON trade (day);

-- A day is planned once, in one commit with everything below; it is settled when all of it is posted.
CREATE TABLE planned (day date PRIMARY KEY);
CREATE TABLE settled (day date PRIMARY KEY REFERENCES planned);

-- What the day was settled by; `pays` is the side that pays the deferred fee: 1 longs, -1 shorts, 0 nobody.
CREATE TABLE price (
    day date NOT NULL REFERENCES planned,
    contract text NOT NULL,
    previous_minor bigint NOT NULL CHECK (previous_minor > 0),
    settlement_minor bigint NOT NULL CHECK (settlement_minor > 0),
    pays smallint NOT NULL CHECK (pays IN (-1, 0, 1)),
    natural_days integer NOT NULL CHECK (natural_days > 0),
    PRIMARY KEY (day, contract)
);

-- What a day moves, signed as the client sees it; a cover is named by what pays it. What rounding left over is nobody's.
CREATE TABLE piece (
    day date NOT NULL REFERENCES planned,
    client text NOT NULL,
    what text NOT NULL CHECK (
        what IN ('member-guarantee', 'exchange-reserve', 'realised', 'marked', 'fee', 'deferred', 'overdue', 'left-over')
    ),
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    bank text,
    PRIMARY KEY (day, client, what)
);

-- Open lots, a row per opening trade and side: `lots` of it are open on the evenings from `since` on, before `until`.
CREATE TABLE lot (
    trade bigint NOT NULL REFERENCES trade (number),
    side smallint NOT NULL CHECK (side IN (-1, 1)),
    since date NOT NULL REFERENCES planned (day),
    until date NOT NULL DEFAULT 'infinity' CHECK (until > since),
    client text NOT NULL,
    contract text NOT NULL,
    opened date NOT NULL,
    price_minor bigint NOT NULL CHECK (price_minor > 0),
    lots integer NOT NULL CHECK (lots > 0),
    PRIMARY KEY (trade, side, since)
);
CREATE INDEX lot_client ON lot (client, contract);
CREATE INDEX lot_open ON lot (contract, client) WHERE until = 'infinity';

-- What closing took, and from which lot.
CREATE TABLE closed (
    day date NOT NULL REFERENCES planned,
    close_trade bigint NOT NULL REFERENCES trade (number),
    trade bigint NOT NULL REFERENCES trade (number),
    side smallint NOT NULL CHECK (side IN (-1, 1)),
    client text NOT NULL,
    contract text NOT NULL,
    lots integer NOT NULL CHECK (lots > 0),
    PRIMARY KEY (close_trade, trade, side)
);
CREATE INDEX closed_client ON closed (client, day);

-- The margin that a client's positions need after the day, and what it has to pay in where its cash is less.
CREATE TABLE requirement (
    day date NOT NULL REFERENCES planned,
    client text NOT NULL,
    margin_minor bigint NOT NULL,
    call_minor bigint NOT NULL,
    PRIMARY KEY (day, client)
);

-- Positions are a reading of lots, through the eyes of whoever reads.
CREATE VIEW position WITH (security_invoker = true) AS
SELECT p.day, l.client, l.contract,
    coalesce(sum(l.lots) FILTER (WHERE l.side = 1), 0)::integer AS long_lots,
    coalesce(sum(l.lots) FILTER (WHERE l.side = -1), 0)::integer AS short_lots
FROM planned AS p JOIN lot AS l ON l.since <= p.day AND l.until > p.day
GROUP BY p.day, l.client, l.contract;

GRANT USAGE ON SCHEMA {ledger} TO ringfence_exchange_reads, ringfence_exchange_member;
GRANT SELECT, INSERT ON trade, planned, settled, price, piece, lot, closed, requirement TO ringfence_exchange_settlement;
GRANT UPDATE (until) ON lot TO ringfence_exchange_settlement;
GRANT SELECT, INSERT ON rule TO ringfence_exchange_officer;
GRANT SELECT ON rule, trade, planned, settled, price, piece, lot, closed, position, requirement TO ringfence_exchange_reads;
-- Members and clients read what is theirs. Not trades: each names the other side.
GRANT SELECT ON rule, planned, settled, price, lot, closed, position, requirement TO ringfence_exchange_member;

ALTER TABLE lot ENABLE ROW LEVEL SECURITY;
ALTER TABLE closed ENABLE ROW LEVEL SECURITY;
ALTER TABLE requirement ENABLE ROW LEVEL SECURITY;
CREATE POLICY staff ON lot FOR SELECT TO ringfence_exchange_reads USING (true);
CREATE POLICY opens ON lot FOR INSERT TO ringfence_exchange_settlement WITH CHECK (true);
-- A lot ends once.
CREATE POLICY ends ON lot FOR UPDATE TO ringfence_exchange_settlement
USING (until = 'infinity') WITH CHECK (until < 'infinity');
CREATE POLICY staff ON closed TO ringfence_exchange_reads USING (true) WITH CHECK (true);
CREATE POLICY staff ON requirement TO ringfence_exchange_reads USING (true) WITH CHECK (true);
CREATE POLICY own_clients ON lot FOR SELECT TO ringfence_exchange_member
USING (client IN (SELECT party.name FROM exchange.party));
CREATE POLICY own_clients ON closed FOR SELECT TO ringfence_exchange_member
USING (client IN (SELECT party.name FROM exchange.party));
CREATE POLICY own_clients ON requirement FOR SELECT TO ringfence_exchange_member
USING (client IN (SELECT party.name FROM exchange.party));
