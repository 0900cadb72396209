-- Register parties, open accounts, say who is in a group: never by a login that may post. `document` is JSON:
-- {"parties": [{name, role, member?, identity?, title?}], "groups": [{name, parties}],
--  "accounts": [{kind, owner, unit, number?, ordinal?, under?}]}
-- What is said of a group is who is in it from now on. An account that is opened under a grant ends with it. All of it is
-- registered or nothing. Refusals: unknown - a name that is not registered, or not in the role that it takes, or a unit in which a
-- kind is not kept; taken - what
-- is registered already.
CREATE OR REPLACE FUNCTION {ledger}.register(key text, document text, OUT batch bigint, OUT replayed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
DECLARE
    wanted CONSTANT jsonb := register.document;
    what text;
    name text;
    detail text;
BEGIN
    batch := given_before(register.key, 'register', register.document);
    replayed := batch IS NOT NULL;
    IF replayed THEN
        RETURN;
    END IF;
    INSERT INTO party (id, name, role, identity, title)
    SELECT coalesce((SELECT max(id) FROM party), 0) + place, p ->> 'name', p ->> 'role', p ->> 'identity', p ->> 'title'
    FROM jsonb_array_elements(wanted -> 'parties') WITH ORDINALITY AS x (p, place);
    UPDATE party SET member = m.id
    FROM jsonb_array_elements(wanted -> 'parties') AS p LEFT JOIN party AS m ON m.name = p ->> 'member' AND m.role = 'member'
    WHERE party.name = p ->> 'name' AND p ? 'member';

    SELECT u.what, u.name INTO what, name FROM (
        SELECT 'member' AS what, p ->> 'member' AS name FROM jsonb_array_elements(wanted -> 'parties') AS p
        WHERE p ? 'member' AND NOT EXISTS (SELECT FROM party WHERE party.name = p ->> 'member' AND role = 'member')
        UNION ALL SELECT 'account', (a ->> 'kind') || ' of ' || (a ->> 'owner') || ' in ' || (a ->> 'unit')
        FROM jsonb_array_elements(wanted -> 'accounts') AS a
        WHERE NOT EXISTS (SELECT FROM kind, party, unit WHERE kind.name = a ->> 'kind' AND unit.code = a ->> 'unit'
            AND (kind.units IS NULL OR unit.id = ANY (kind.units)) AND party.name = a ->> 'owner' AND party.role = kind.owner_role)
        UNION ALL SELECT 'under', a ->> 'under' FROM jsonb_array_elements(wanted -> 'accounts') AS a
        WHERE a ? 'under' AND NOT EXISTS (SELECT FROM grants AS g JOIN party ON party.name = a ->> 'owner'
            WHERE g.id = (a ->> 'under')::integer AND g.ended IS NULL AND covers(g.id, party.id))
        UNION ALL SELECT 'group', g ->> 'name' FROM jsonb_array_elements(wanted -> 'groups') AS g
        WHERE NOT EXISTS (SELECT FROM party WHERE party.name = g ->> 'name' AND role = 'group')
        UNION ALL SELECT 'in group', n.name FROM jsonb_array_elements(wanted -> 'groups') AS g
        CROSS JOIN LATERAL jsonb_array_elements_text(g -> 'parties') AS n (name)
        WHERE NOT EXISTS (SELECT FROM party WHERE party.name = n.name AND role IN ('client', 'member'))
    ) AS u LIMIT 1;
    IF what IS NOT NULL THEN
        PERFORM refuse('unknown', what, name);
    END IF;

    INSERT INTO account (id, kind, at_least, at_most, one_per_owner, owner, unit, number, ordinal, under, lives_until)
    SELECT coalesce((SELECT max(id) FROM account), 0) + place, kind.id, kind.at_least, kind.at_most, kind.one_per_owner, party.id, unit.id,
        a ->> 'number', coalesce((a ->> 'ordinal')::smallint, 1), g.id, g.valid_until
    FROM jsonb_array_elements(wanted -> 'accounts') WITH ORDINALITY AS x (a, place)
    JOIN kind ON kind.name = a ->> 'kind' JOIN party ON party.name = a ->> 'owner' JOIN unit ON unit.code = a ->> 'unit'
    LEFT JOIN grants AS g ON g.id = (a ->> 'under')::integer;

    DELETE FROM group_member AS m USING jsonb_array_elements(wanted -> 'groups') AS g, party AS p
    WHERE p.name = g ->> 'name' AND m.name = p.id;
    INSERT INTO group_member
    SELECT DISTINCT g.id, p.id FROM jsonb_array_elements(wanted -> 'groups') AS w
    CROSS JOIN LATERAL jsonb_array_elements_text(w -> 'parties') AS n (name)
    JOIN party AS g ON g.name = w ->> 'name' JOIN party AS p ON p.name = n.name;
    batch := seal('register', session_user, 0, '', document => register.document, key => register.key);
EXCEPTION WHEN unique_violation OR check_violation THEN
    GET STACKED DIAGNOSTICS name = CONSTRAINT_NAME, detail = PG_EXCEPTION_DETAIL;
    PERFORM refuse('taken', name, detail);
END
$$;
