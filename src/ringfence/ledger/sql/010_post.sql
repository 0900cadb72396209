-- Move an amount from one account to another; the only writer of either table.
CREATE OR REPLACE FUNCTION {ledger}.post(key text, debit text, credit text, amount bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
DECLARE
    debit_id bigint;
    credit_id bigint;
    posting_id bigint;
BEGIN
    UPDATE account AS a SET balance = a.balance - post.amount WHERE a.name = post.debit RETURNING a.id INTO STRICT debit_id;
    UPDATE account AS a SET balance = a.balance + post.amount WHERE a.name = post.credit RETURNING a.id INTO STRICT credit_id;
    INSERT INTO posting (key, debit_account, credit_account, amount)
    VALUES (post.key, debit_id, credit_id, post.amount) RETURNING id INTO posting_id;
    RETURN posting_id;
END
$$;
