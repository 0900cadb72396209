-- The payment of a spot trade is looked up by its number, not searched among all postings.
CREATE OR REPLACE FUNCTION {ledger}.spot_is_paid() RETURNS trigger
LANGUAGE plpgsql SET search_path = {ledger}, pg_temp AS $$
DECLARE
    wrong text;
BEGIN
    SELECT m.trade_no INTO wrong
    FROM made AS m
    WHERE (m.paid_by IS NOT NULL) <> EXISTS (SELECT FROM rule AS r WHERE r.contract = m.contract AND r.rule = 'kind' AND r.value = 'spot')
        OR (SELECT p.key FROM exchange.posting AS p WHERE p.id = m.paid_by) IS DISTINCT FROM
            CASE WHEN m.paid_by IS NOT NULL THEN 'trade:' || m.trade_no || ':payment' END
    ORDER BY m.number LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'trade %: a spot trade is booked with its payment, any other without', wrong USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {ledger} FROM PUBLIC;
