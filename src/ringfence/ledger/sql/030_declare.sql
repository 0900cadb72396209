-- Declare the units, kinds and routes of this ledger, once; the owner's business alone. `document` is JSON:
-- {"units": [code], "kinds": [{name, owner, invariant, one_per_owner, zero_at_close, units?}],
--  "routes": [{name, path, same_client, own_member, registered_account, bank_confirmed, held, asks, finishes, under,
--   back_days, ahead_days, reverses}],
--  "grants": [{power, route?, grantee, cool_off_days?}]}
-- A path starts and ends where money may stay, and passes through where it may not.
CREATE OR REPLACE FUNCTION {ledger}.declare(document text) RETURNS bigint
LANGUAGE plpgsql SET search_path = {ledger}, pg_temp AS $$
DECLARE
    declared CONSTANT jsonb := declare.document;
    bent text;
BEGIN
    INSERT INTO unit SELECT place, code
    FROM jsonb_array_elements_text(declared -> 'units') WITH ORDINALITY AS u (code, place);

    INSERT INTO kind (id, name, owner_role, invariant, one_per_owner, zero_at_close, units)
    SELECT place, k ->> 'name', k ->> 'owner', k ->> 'invariant', (k ->> 'one_per_owner')::boolean,
        (k ->> 'zero_at_close')::boolean,
        (SELECT array_agg((SELECT id FROM unit WHERE code = u) ORDER BY at)
            FROM jsonb_array_elements_text(k -> 'units') WITH ORDINALITY AS y (u, at))
    FROM jsonb_array_elements(declared -> 'kinds') WITH ORDINALITY AS x (k, place);

    INSERT INTO route (id, name, path, same_client, own_member, registered_account, bank_confirmed, held, asks, finishes,
        under, back_days, ahead_days)
    SELECT place, r ->> 'name',
        (SELECT array_agg((SELECT id FROM kind WHERE name = step) ORDER BY at)
            FROM jsonb_array_elements_text(r -> 'path') WITH ORDINALITY AS y (step, at)),
        (r ->> 'same_client')::boolean, (r ->> 'own_member')::boolean, (r ->> 'registered_account')::boolean,
        (r ->> 'bank_confirmed')::boolean, (r ->> 'held')::boolean, r ->> 'asks', r ->> 'finishes', r ->> 'under',
        (r ->> 'back_days')::smallint, (r ->> 'ahead_days')::smallint
    FROM jsonb_array_elements(declared -> 'routes') WITH ORDINALITY AS x (r, place);

    UPDATE route SET reverses = o.id
    FROM jsonb_array_elements(declared -> 'routes') AS r JOIN route AS o ON o.name = r ->> 'reverses'
    WHERE route.name = r ->> 'name';
    SELECT string_agg(route.name, ', ') INTO bent
    FROM route JOIN jsonb_array_elements(declared -> 'routes') AS r ON r ->> 'name' = route.name
    LEFT JOIN route AS o ON o.id = route.reverses
    WHERE r ->> 'reverses' IS NOT NULL AND (
        SELECT array_agg(step ORDER BY at DESC) FROM unnest(o.path) WITH ORDINALITY AS y (step, at)) IS DISTINCT FROM route.path;
    IF bent IS NOT NULL THEN
        RAISE EXCEPTION 'route %: what reverses a route goes its path backwards', bent USING ERRCODE = 'check_violation';
    END IF;

    SELECT string_agg(name, ', ') INTO bent FROM route
    WHERE array_position(path, NULL) IS NOT NULL OR (
        SELECT bool_or((kind.invariant = 'zero') <> (at > 1 AND at < cardinality(path)))
        FROM unnest(path) WITH ORDINALITY AS y (step, at) JOIN kind ON kind.id = step);
    IF bent IS NOT NULL THEN
        RAISE EXCEPTION 'route %: ends where nothing may stay, or passes through where something may', bent
            USING ERRCODE = 'check_violation';
    END IF;

    -- Where every chain of grants begins.
    INSERT INTO grants (id, grantor, grantee, power, route, cool_off_days, valid_from, given)
    SELECT place, current_user, g ->> 'grantee', g ->> 'power', (SELECT id FROM route WHERE name = g ->> 'route'),
        (g ->> 'cool_off_days')::integer, '0001-01-01', 1
    FROM jsonb_array_elements(declared -> 'grants') WITH ORDINALITY AS x (g, place);
    RETURN seal('declare', session_user, 0, '', document => declare.document);
END
$$;
