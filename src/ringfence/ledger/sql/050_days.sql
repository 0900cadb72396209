-- Open `day` as the booking day, on which everything is recorded from now on. Never an earlier one: what is recorded can be
-- dated back by its value date, not by its booking day. Opening the day that is open changes nothing.
CREATE OR REPLACE FUNCTION {ledger}.open_day(day date) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
DECLARE
    before head;
BEGIN
    SELECT * INTO STRICT before FROM head FOR UPDATE;
    IF open_day.day = before.day AND before.day > before.closed_through THEN
        RETURN NULL;
    END IF;
    IF (open_day.day > before.closed_through AND open_day.day > before.day) IS NOT TRUE THEN
        RAISE EXCEPTION '% cannot be opened: the booking day was %, and every day up to % is closed',
            day, before.day, before.closed_through USING ERRCODE = 'check_violation';
    END IF;
    RETURN seal('open', session_user, 0, '', opens => open_day.day);
END
$$;

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
