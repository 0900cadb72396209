-- Fills: the two sides of each trade, each as its client sees it: not whom it was with. Written by the trade itself, so that none
-- can be without them.
CREATE TABLE fill (
    trade bigint NOT NULL REFERENCES trade (number),
    side smallint NOT NULL CHECK (side IN (-1, 1)),
    trade_no text NOT NULL,
    day date NOT NULL,
    client text NOT NULL,
    contract text NOT NULL,
    opens boolean NOT NULL,
    lots integer NOT NULL,
    price_minor bigint NOT NULL,
    -- By an order of a deferred contract, by one of a spot contract, or by the delivery of what was tendered, free of fee.
    kind text NOT NULL CHECK (kind IN ('deferred', 'spot', 'delivery')),
    PRIMARY KEY (trade, side)
);
CREATE INDEX fill_client ON fill (client, day);

CREATE FUNCTION {ledger}.trade_has_two_sides() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
BEGIN
    INSERT INTO fill
    SELECT m.number, s.side, m.trade_no, m.day, s.client, m.contract, s.offs = 'open', m.lots, m.price_minor,
        CASE WHEN m.buyer_tender IS NOT NULL THEN 'delivery' WHEN m.paid_by IS NOT NULL THEN 'spot' ELSE 'deferred' END
    FROM made AS m
    CROSS JOIN LATERAL (VALUES (1, m.buyer, m.buyer_offset), (-1, m.seller, m.seller_offset)) AS s (side, client, offs);
    RETURN NULL;
END
$$;
CREATE TRIGGER trade_has_two_sides AFTER INSERT ON trade REFERENCING NEW TABLE AS made
FOR EACH STATEMENT EXECUTE FUNCTION {ledger}.trade_has_two_sides();
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {ledger} FROM PUBLIC;

INSERT INTO fill
SELECT m.number, s.side, m.trade_no, m.day, s.client, m.contract, s.offs = 'open', m.lots, m.price_minor,
    CASE WHEN m.buyer_tender IS NOT NULL THEN 'delivery' WHEN m.paid_by IS NOT NULL THEN 'spot' ELSE 'deferred' END
FROM trade AS m
CROSS JOIN LATERAL (VALUES (1, m.buyer, m.buyer_offset), (-1, m.seller, m.seller_offset)) AS s (side, client, offs);

GRANT SELECT ON fill TO ringfence_exchange_reads, ringfence_exchange_member;
ALTER TABLE fill ENABLE ROW LEVEL SECURITY;
CREATE POLICY staff ON fill FOR SELECT TO ringfence_exchange_reads USING (true);
CREATE POLICY own_clients ON fill FOR SELECT TO ringfence_exchange_member
USING (client IN (SELECT party.name FROM exchange.party));
