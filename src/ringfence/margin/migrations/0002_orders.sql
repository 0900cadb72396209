-- Orders as they were placed, what became of them, and the guard that no trade is booked which two open orders do not allow.
-- Rows are added and never changed. An order holds `reserved_minor` of its client's cash, as the posting `hold`; one that
-- closes holds nothing.
CREATE TABLE orders (
    order_no text PRIMARY KEY CHECK (length(order_no) BETWEEN 1 AND 100),
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    day date NOT NULL,
    session text NOT NULL CHECK (session IN ('night', 'day')),
    client text NOT NULL,
    contract text NOT NULL,
    side smallint NOT NULL CHECK (side IN (-1, 1)),
    opens boolean NOT NULL,
    lots integer NOT NULL CHECK (lots > 0),
    price_minor bigint NOT NULL CHECK (price_minor > 0),
    reserved_minor bigint NOT NULL CHECK (reserved_minor >= 0),
    hold bigint,
    placed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((hold IS NULL) = (reserved_minor = 0))
);
CREATE INDEX orders_day ON orders (day, client);

-- The lots of an order that will not be filled any more, and what of its hold was given back with them.
CREATE TABLE cancelled (
    order_no text PRIMARY KEY REFERENCES orders,
    lots integer NOT NULL CHECK (lots > 0),
    released_minor bigint NOT NULL CHECK (released_minor >= 0),
    cancelled_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

ALTER TABLE trade ADD buyer_order text NOT NULL REFERENCES orders, ADD seller_order text NOT NULL REFERENCES orders;
CREATE INDEX trade_buyer_order ON trade (buyer_order);
CREATE INDEX trade_seller_order ON trade (seller_order);

-- What is left of each order, through the eyes of whoever reads trades.
CREATE VIEW order_state WITH (security_invoker = true) AS
SELECT o.*, f.lots AS filled, coalesce(c.lots, 0) AS cancelled, o.lots - f.lots - coalesce(c.lots, 0) AS rest
FROM orders AS o
CROSS JOIN LATERAL (
    SELECT coalesce(sum(t.lots), 0)::integer AS lots
    FROM (
        SELECT lots FROM trade WHERE buyer_order = o.order_no
        UNION ALL SELECT lots FROM trade WHERE seller_order = o.order_no
    ) AS t
) AS f
LEFT JOIN cancelled AS c USING (order_no);

-- Both orders of a trade are of its day, contract, clients and offsets, allow its price, and have lots left.
CREATE FUNCTION {ledger}.trade_fills_orders() RETURNS trigger
LANGUAGE plpgsql SET search_path = {ledger}, pg_temp AS $$
DECLARE
    wrong text;
BEGIN
    SELECT format('trade %s: order %s does not allow it', m.trade_no, o.order_no) INTO wrong
    FROM made AS m
    CROSS JOIN LATERAL (VALUES
        (m.buyer_order, m.buyer, 1, m.buyer_offset), (m.seller_order, m.seller, -1, m.seller_offset)
    ) AS s (order_no, client, side, offs)
    JOIN order_state AS o ON o.order_no = s.order_no
    WHERE (o.day, o.contract, o.client, o.side, o.opens) IS DISTINCT FROM (m.day, m.contract, s.client, s.side, s.offs = 'open')
        OR (m.price_minor - o.price_minor) * s.side > 0 OR o.rest < 0
    ORDER BY m.number LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER trade_fills_orders AFTER INSERT ON trade REFERENCING NEW TABLE AS made
FOR EACH STATEMENT EXECUTE FUNCTION {ledger}.trade_fills_orders();

-- What is cancelled is what was left, all of it.
CREATE FUNCTION {ledger}.cancels_what_is_left() RETURNS trigger
LANGUAGE plpgsql SET search_path = {ledger}, pg_temp AS $$
DECLARE
    wrong text;
BEGIN
    SELECT format('order %s: %s lots were left', o.order_no, o.rest + o.cancelled) INTO wrong
    FROM made AS m JOIN order_state AS o USING (order_no) WHERE o.rest <> 0 ORDER BY o.number LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%', wrong USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER cancels_what_is_left AFTER INSERT ON cancelled REFERENCING NEW TABLE AS made
FOR EACH STATEMENT EXECUTE FUNCTION {ledger}.cancels_what_is_left();

-- A rule is not dated back into a day that was settled by others; no order or trade comes into one.
CREATE FUNCTION {ledger}.comes_after_what_is_planned() RETURNS trigger
LANGUAGE plpgsql SET search_path = {ledger}, pg_temp AS $$
DECLARE
    dated date := (to_jsonb(NEW) ->> TG_ARGV[0])::date;
    last date := (SELECT max(day) FROM planned);
BEGIN
    IF dated <= last THEN
        RAISE EXCEPTION '% is settled, as is every day up to %', dated, last USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER not_dated_back BEFORE INSERT ON rule
FOR EACH ROW EXECUTE FUNCTION {ledger}.comes_after_what_is_planned('effective_from');
CREATE TRIGGER not_dated_back BEFORE INSERT ON orders
FOR EACH ROW EXECUTE FUNCTION {ledger}.comes_after_what_is_planned('day');
CREATE TRIGGER not_dated_back BEFORE INSERT ON trade
FOR EACH ROW EXECUTE FUNCTION {ledger}.comes_after_what_is_planned('day');

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {ledger} FROM PUBLIC;
GRANT SELECT, INSERT ON orders, cancelled TO ringfence_exchange_settlement;
GRANT SELECT ON orders, cancelled, order_state TO ringfence_exchange_reads;
-- Members and clients read their own orders. Not what fills them: a trade names the other side.
GRANT SELECT ON orders, cancelled TO ringfence_exchange_member;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE cancelled ENABLE ROW LEVEL SECURITY;
CREATE POLICY staff ON orders TO ringfence_exchange_reads USING (true) WITH CHECK (true);
CREATE POLICY staff ON cancelled TO ringfence_exchange_reads USING (true) WITH CHECK (true);
CREATE POLICY own_clients ON orders FOR SELECT TO ringfence_exchange_member
USING (client IN (SELECT party.name FROM exchange.party));
CREATE POLICY own_clients ON cancelled FOR SELECT TO ringfence_exchange_member
USING (order_no IN (SELECT o.order_no FROM orders AS o));
