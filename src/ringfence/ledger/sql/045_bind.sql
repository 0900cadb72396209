-- Bind clients to the bank account from which they pay in and to which they are paid, or to another one: two institutions
-- must say the same, each by a login of its own that can post nothing. `document` is JSON:
-- {"bindings": [{client, bank, account_number, identity}]}. All of it or nothing. Until `confirm` nothing has changed; what
-- else was waiting for the client is forgotten. Refusals, in this order:
--      unknown    no such client or bank
--      identity   not the one under which the client is registered
--      account    bound to another client
CREATE OR REPLACE FUNCTION {ledger}.bind(key text, document text, OUT batch bigint, OUT replayed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
DECLARE
    wanted CONSTANT jsonb := bind.document::jsonb -> 'bindings';
    above grants;
BEGIN
    batch := given_before(bind.key, 'bind', bind.document);
    replayed := batch IS NOT NULL;
    IF replayed THEN
        RETURN;
    END IF;
    SELECT * INTO above FROM grants AS g
    WHERE g.power = 'account' AND g.payee IS NULL AND g.grantee = session_user AND g.ended IS NULL;
    IF above.id IS NULL THEN
        PERFORM refuse('parent', 'account', 'none', session_user);
    END IF;
    PERFORM refuse(u.control, u.field, u.given, u.stands) FROM binding_refused(wanted) AS u LIMIT 1;

    batch := seal('bind', session_user, 0, '', document => bind.document, key => bind.key);
    UPDATE grants AS g SET ended = batch
    FROM jsonb_array_elements(wanted) AS b JOIN party AS c ON c.name = b ->> 'client'
    WHERE g.scope = c.id AND g.payee IS NOT NULL AND g.ended IS NULL AND g.confirmed IS NULL;
    INSERT INTO grants (id, parent, grantor, grantee, power, scope, bank, payee, cool_off_days, valid_from, valid_until, given)
    SELECT (SELECT max(id) FROM grants) + place, above.id, session_user, c.name, 'account', c.id, k.id,
        b ->> 'account_number', above.cool_off_days, greatest(above.valid_from, (SELECT day FROM head)), above.valid_until, batch
    FROM jsonb_array_elements(wanted) WITH ORDINALITY AS x (b, place)
    JOIN party AS c ON c.name = b ->> 'client' JOIN party AS k ON k.name = b ->> 'bank';
END
$$;

-- The first binding that cannot be, and why.
CREATE OR REPLACE FUNCTION {ledger}.binding_refused(wanted jsonb)
RETURNS TABLE (control text, field text, given text, stands text)
LANGUAGE sql STABLE SET search_path = {ledger}, pg_temp AS $$
    SELECT u.control, u.field, u.given, u.stands
    FROM (
        SELECT b, place, count(*) OVER (PARTITION BY b ->> 'client') + count(*) OVER (PARTITION BY b ->> 'account_number') > 2
            AS repeated
        FROM jsonb_array_elements(wanted) WITH ORDINALITY AS y (b, place)
    ) AS x
    LEFT JOIN party AS c ON c.name = b ->> 'client' AND c.role = 'client'
    LEFT JOIN party AS k ON k.name = b ->> 'bank' AND k.role = 'bank'
    LEFT JOIN grants AS g ON g.payee = b ->> 'account_number' AND g.ended IS NULL AND g.confirmed IS NOT NULL
    CROSS JOIN LATERAL (VALUES
        (1, c.id IS NULL, 'unknown', 'client', b ->> 'client', NULL),
        (2, k.id IS NULL, 'unknown', 'bank', b ->> 'bank', NULL),
        (3, (c.identity = b ->> 'identity') IS NOT TRUE, 'identity', 'identity', b ->> 'identity', c.name),
        (4, (length(b ->> 'account_number') BETWEEN 1 AND 64) IS NOT TRUE, 'account', 'account_number', b ->> 'account_number', c.name),
        (5, g.scope <> c.id, 'account', 'account_number', b ->> 'account_number', c.name),
        (6, x.repeated, 'account', 'account_number', b ->> 'account_number', c.name)
    ) AS u (rank, refused, control, field, given, stands)
    WHERE u.refused ORDER BY place, u.rank
$$;

-- Confirm what is waiting, in the words of the other institution. A first account is in force at once, a changed one after
-- the days that the declaration says, and until then the client has none. Refusals, in this order:
--      waiting    nothing waits for that client
--      bank, account_number, identity   not what was bound
--      account    bound to another client meanwhile
CREATE OR REPLACE FUNCTION {ledger}.confirm(key text, document text, OUT batch bigint, OUT replayed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
DECLARE
    wanted CONSTANT jsonb := confirm.document::jsonb -> 'bindings';
    today date;
BEGIN
    batch := given_before(confirm.key, 'confirm', confirm.document);
    replayed := batch IS NOT NULL;
    IF replayed THEN
        RETURN;
    END IF;
    SELECT day INTO today FROM head;
    PERFORM refuse(u.control, u.field, u.given, u.stands)
    FROM (
        SELECT u.control, u.field, u.given, u.stands
        FROM jsonb_array_elements(wanted) WITH ORDINALITY AS x (b, place)
        LEFT JOIN party AS c ON c.name = b ->> 'client'
        LEFT JOIN grants AS g ON g.scope = c.id AND g.payee IS NOT NULL AND g.ended IS NULL AND g.confirmed IS NULL
        LEFT JOIN party AS k ON k.id = g.bank
        LEFT JOIN grants AS o ON o.payee = g.payee AND o.ended IS NULL AND o.confirmed IS NOT NULL
        CROSS JOIN LATERAL (VALUES
            (1, g.id IS NULL, 'waiting', 'client', b ->> 'client', NULL),
            (2, (k.name = b ->> 'bank') IS NOT TRUE, 'differs', 'bank', b ->> 'bank', k.name),
            (3, (g.payee = b ->> 'account_number') IS NOT TRUE, 'differs', 'account_number', b ->> 'account_number', g.payee),
            (4, (c.identity = b ->> 'identity') IS NOT TRUE, 'identity', 'identity', b ->> 'identity', c.name),
            (5, o.scope <> g.scope, 'account', 'account_number', b ->> 'account_number', c.name)
        ) AS u (rank, refused, control, field, given, stands)
        WHERE u.refused ORDER BY place, u.rank LIMIT 1
    ) AS u;

    batch := seal('confirm', session_user, 0, '', document => confirm.document, key => confirm.key);
    -- The account that was in force ends first, so that there is never more than one.
    WITH over AS (
        UPDATE grants AS g SET ended = batch
        FROM jsonb_array_elements(wanted) AS b JOIN party AS c ON c.name = b ->> 'client'
        WHERE g.scope = c.id AND g.payee IS NOT NULL AND g.ended IS NULL AND g.confirmed IS NOT NULL
        RETURNING g.id
    ) UPDATE account SET lives_until = today - 1 FROM over WHERE account.under = over.id;
    UPDATE grants AS g
    SET confirmed = batch, valid_from = greatest(g.valid_from, today + CASE
        WHEN EXISTS (SELECT FROM grants AS o WHERE o.scope = g.scope AND o.payee IS NOT NULL AND o.confirmed IS NOT NULL)
        THEN g.cool_off_days ELSE 0 END)
    FROM jsonb_array_elements(wanted) AS b JOIN party AS c ON c.name = b ->> 'client'
    WHERE g.scope = c.id AND g.payee IS NOT NULL AND g.ended IS NULL AND g.confirmed IS NULL;
END
$$;
