-- The exchange's settlement: trades as they were booked, and for each day what it was decided to post.
-- Rows are added and never changed. Amounts in fen.
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
    CHECK (buyer <> seller)
);
CREATE INDEX trade_day ON trade (day);

-- A day is planned once, in one commit with everything below; it is settled when all of it is posted.
CREATE TABLE planned (day date PRIMARY KEY);
CREATE TABLE settled (day date PRIMARY KEY REFERENCES planned);

-- What a day moves, signed as the client sees it; a cover is named by what pays it.
CREATE TABLE piece (
    day date NOT NULL REFERENCES planned,
    client text NOT NULL,
    what text NOT NULL CHECK (
        what IN ('member-guarantee', 'exchange-reserve', 'realised', 'marked', 'fee', 'deferred')
    ),
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    bank text,
    PRIMARY KEY (day, client, what)
);

CREATE TABLE position (
    day date NOT NULL REFERENCES planned,
    client text NOT NULL,
    contract text NOT NULL,
    long_lots integer NOT NULL CHECK (long_lots >= 0),
    short_lots integer NOT NULL CHECK (short_lots >= 0),
    PRIMARY KEY (day, client, contract)
);

-- The margin that a client's positions need after the day, and what it has to pay in where its cash is less.
CREATE TABLE requirement (
    day date NOT NULL REFERENCES planned,
    client text NOT NULL,
    margin_minor bigint NOT NULL,
    call_minor bigint NOT NULL,
    PRIMARY KEY (day, client)
);

GRANT USAGE ON SCHEMA {ledger} TO ringfence_exchange_reads, ringfence_exchange_member;
GRANT SELECT, INSERT ON trade, planned, settled, piece, position, requirement TO ringfence_exchange_settlement;
GRANT SELECT ON trade, planned, settled, piece, position, requirement TO ringfence_exchange_reads;
-- Members and clients read what is theirs. Not trades: each names the other side.
GRANT SELECT ON planned, settled, position, requirement TO ringfence_exchange_member;

ALTER TABLE position ENABLE ROW LEVEL SECURITY;
ALTER TABLE requirement ENABLE ROW LEVEL SECURITY;
CREATE POLICY staff ON position TO ringfence_exchange_reads USING (true) WITH CHECK (true);
CREATE POLICY staff ON requirement TO ringfence_exchange_reads USING (true) WITH CHECK (true);
CREATE POLICY own_clients ON position FOR SELECT TO ringfence_exchange_member
USING (client IN (SELECT party.name FROM exchange.party));
CREATE POLICY own_clients ON requirement FOR SELECT TO ringfence_exchange_member
USING (client IN (SELECT party.name FROM exchange.party));
