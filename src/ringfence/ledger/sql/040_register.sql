-- Register parties, open accounts, bind clients to their bank account: never by a login that may post. `document` is
-- JSON: {"parties": [{name, role, member?}], "accounts": [{kind, owner, unit, number?}],
--        "groups": [{name, parties}], "bindings": [{client, bank, account_number}]}
-- What is said of a group is who is in it from now on.
-- What is there already is a unique violation, and then nothing is registered.
CREATE OR REPLACE FUNCTION {ledger}.register(document text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
DECLARE
    wanted CONSTANT jsonb := register.document;
    unknown text;
BEGIN
    PERFORM FROM head FOR UPDATE;
    INSERT INTO party
    SELECT (SELECT count(*) FROM party) + place, p ->> 'name', p ->> 'role', NULL
    FROM jsonb_array_elements(wanted -> 'parties') WITH ORDINALITY AS x (p, place);
    UPDATE party SET member = m.id
    FROM jsonb_array_elements(wanted -> 'parties') AS p LEFT JOIN party AS m ON m.name = p ->> 'member' AND m.role = 'member'
    WHERE party.name = p ->> 'name' AND p ? 'member';

    SELECT string_agg(name, ', ') INTO unknown FROM (
        SELECT p ->> 'member' AS name FROM jsonb_array_elements(wanted -> 'parties') AS p
        WHERE p ? 'member' AND NOT EXISTS (SELECT FROM party WHERE party.name = p ->> 'member' AND role = 'member')
        UNION SELECT (a ->> 'kind') || ' of ' || (a ->> 'owner') || ' in ' || (a ->> 'unit')
        FROM jsonb_array_elements(wanted -> 'accounts') AS a
        WHERE NOT EXISTS (SELECT FROM kind, party, unit WHERE kind.name = a ->> 'kind' AND unit.code = a ->> 'unit'
            AND party.name = a ->> 'owner' AND party.role = kind.owner_role)
        UNION SELECT (b ->> 'client') || ' at ' || (b ->> 'bank') FROM jsonb_array_elements(wanted -> 'bindings') AS b
        WHERE NOT EXISTS (SELECT FROM party WHERE name = b ->> 'client' AND role = 'client')
            OR NOT EXISTS (SELECT FROM party WHERE name = b ->> 'bank' AND role = 'bank')
        UNION SELECT g ->> 'name' FROM jsonb_array_elements(wanted -> 'groups') AS g
        WHERE NOT EXISTS (SELECT FROM party WHERE name = g ->> 'name' AND role = 'group')
        UNION SELECT n.name FROM jsonb_array_elements(wanted -> 'groups') AS g
        CROSS JOIN LATERAL jsonb_array_elements_text(g -> 'parties') AS n (name)
        WHERE NOT EXISTS (SELECT FROM party WHERE party.name = n.name AND role IN ('client', 'member'))
    ) AS u;
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'unknown: %', unknown USING ERRCODE = 'foreign_key_violation';
    END IF;

    INSERT INTO account (id, kind, invariant, owner, unit, number)
    SELECT (SELECT count(*) FROM account) + place, kind.id, kind.invariant, party.id, unit.id, a ->> 'number'
    FROM jsonb_array_elements(wanted -> 'accounts') WITH ORDINALITY AS x (a, place)
    JOIN kind ON kind.name = a ->> 'kind' JOIN party ON party.name = a ->> 'owner' JOIN unit ON unit.code = a ->> 'unit';

    DELETE FROM group_member WHERE name IN (
        SELECT party.id FROM jsonb_array_elements(wanted -> 'groups') AS g JOIN party ON party.name = g ->> 'name');
    INSERT INTO group_member
    SELECT DISTINCT g.id, p.id FROM jsonb_array_elements(wanted -> 'groups') AS w
    CROSS JOIN LATERAL jsonb_array_elements_text(w -> 'parties') AS n (name)
    JOIN party AS g ON g.name = w ->> 'name' JOIN party AS p ON p.name = n.name;

    INSERT INTO binding
    SELECT c.id, b.id, w ->> 'account_number'
    FROM jsonb_array_elements(wanted -> 'bindings') AS w
    JOIN party AS c ON c.name = w ->> 'client' JOIN party AS b ON b.name = w ->> 'bank';
    RETURN seal('register', session_user, 0, '', document => register.document);
END
$$;
