-- Spot contracts: an order to sell holds metal of its client, and a trade is settled when it is made, metal against money in
-- linked postings of one commit. Nothing of it stays open.
ALTER TABLE orders ADD held_in text NOT NULL DEFAULT 'CNY';
-- The posting that paid for it, the first of those that are linked; a trade that has one opens and closes nothing.
ALTER TABLE trade ADD paid_by bigint UNIQUE;

DROP VIEW order_state;
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
GRANT SELECT ON order_state TO ringfence_exchange_reads;

-- A trade of a spot contract names the posting that paid for it, one of any other contract none.
CREATE FUNCTION {ledger}.spot_is_paid() RETURNS trigger
LANGUAGE plpgsql SET search_path = {ledger}, pg_temp AS $$
DECLARE
    wrong text;
BEGIN
    SELECT m.trade_no INTO wrong
    FROM made AS m
    WHERE EXISTS (SELECT FROM rule AS r WHERE r.contract = m.contract AND r.rule = 'kind' AND r.value = 'spot')
        IS DISTINCT FROM EXISTS (
            SELECT FROM exchange.posting AS p WHERE p.id = m.paid_by AND p.key = 'trade:' || m.trade_no || ':payment')
    ORDER BY m.number LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'trade %: a spot trade is booked with its payment, any other without', wrong USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER spot_is_paid AFTER INSERT ON trade REFERENCING NEW TABLE AS made
FOR EACH STATEMENT EXECUTE FUNCTION {ledger}.spot_is_paid();
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {ledger} FROM PUBLIC;
