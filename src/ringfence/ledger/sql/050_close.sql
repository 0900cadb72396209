-- Close every day up to `day`: nothing more is posted with a value date in it. Refused while an account that must be
-- zero then is not. Closing a closed day changes nothing.
CREATE OR REPLACE FUNCTION {ledger}.close_day(day date) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
DECLARE
    open_accounts text;
BEGIN
    IF (SELECT closed_through FROM head FOR UPDATE) >= day THEN
        RETURN NULL;
    END IF;
    SELECT string_agg(format('%s of %s: %s', kind.name, party.name, account.balance), ', ') INTO open_accounts
    FROM account JOIN kind ON kind.id = account.kind JOIN party ON party.id = account.owner
    WHERE kind.zero_at_close AND account.balance <> 0;
    IF open_accounts IS NOT NULL THEN
        RAISE EXCEPTION '% cannot be closed while not zero: %', day, open_accounts USING ERRCODE = 'check_violation';
    END IF;
    RETURN seal('close', session_user, 0, '', closes => close_day.day);
END
$$;
