-- Everything that a scope has to name to cover `party`: itself, its member, and the groups that either is in.
CREATE OR REPLACE FUNCTION {ledger}.scopes_of(party integer) RETURNS SETOF integer
LANGUAGE sql STABLE SET search_path = {ledger}, pg_temp AS $$
    SELECT p FROM (SELECT scopes_of.party UNION SELECT member FROM party WHERE party.id = scopes_of.party) AS own (p) WHERE p IS NOT NULL
    UNION SELECT g.name FROM group_member AS g
    WHERE g.party = scopes_of.party OR g.party = (SELECT member FROM party WHERE party.id = scopes_of.party)
$$;

-- Give a grant under one that the login has itself; the batch that gave it. `document` is JSON:
-- {"parent": id, "grantee": login, "scope"?: party, "key"?, "per_item"?, "per_day"?, "per_period"?, "period_days"?,
--  "exposure"?, "valid_from"?: day, "valid_until"?: day}
-- Power and route are the parent's, and so is whatever is not said. Refusals, in this order:
--      parent     not a grant that stands and is this login's
--      grantee    neither who walks the route nor somebody who passes it on; or the chain would be longer than 8
--      scope      no such party, or not within the parent's
--      one-instruction   not to somebody who asks, without a cap per item, or another stands for that key
--      cap        greater than the parent's, or no amount; exposure on a route that is not held
--      validity   not within the parent's
CREATE OR REPLACE FUNCTION {ledger}.give(key text, document text, OUT batch bigint, OUT replayed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
DECLARE
    largest CONSTANT bigint := 1000000000000000;
    wanted CONSTANT jsonb := give.document;
    above grants;
    way route;
    new grants;
    today date;
    known boolean;
    walks boolean;
    cap text;
    asked numeric;
    most numeric;
BEGIN
    batch := given_before(give.key, 'grant', give.document);
    replayed := batch IS NOT NULL;
    IF replayed THEN
        RETURN;
    END IF;
    SELECT day INTO today FROM head;
    SELECT * INTO above FROM grants AS g
    WHERE g.id = (wanted ->> 'parent')::integer AND g.ended IS NULL AND g.grantee = session_user AND g.key IS NULL
        AND g.power <> 'account'
        AND (g.valid_until IS NULL OR g.valid_until >= today);
    IF above.id IS NULL THEN
        PERFORM refuse('parent', 'parent', coalesce(wanted ->> 'parent', 'none'), session_user);
    END IF;
    new := above;
    new.parent := above.id;
    new.grantor := session_user;
    new.outstanding := 0;
    SELECT * INTO way FROM route WHERE id = above.route;

    new.grantee := wanted ->> 'grantee';
    known := new.grantee <> session_user AND EXISTS (SELECT FROM pg_roles WHERE rolname = new.grantee);
    walks := CASE above.power WHEN 'ask' THEN new.grantee = way.asks WHEN 'finish' THEN new.grantee = way.finishes
        ELSE known AND pg_has_role(new.grantee, 'ringfence_{ledger}_member', 'member') END;
    IF (walks OR known AND pg_has_role(new.grantee, 'ringfence_{ledger}_grants', 'member')) IS NOT TRUE THEN
        PERFORM refuse('grantee', 'grantee', coalesce(wanted ->> 'grantee', 'none'),
            CASE above.power WHEN 'ask' THEN way.asks WHEN 'finish' THEN way.finishes ELSE 'a login of a member' END);
    END IF;
    IF (WITH RECURSIVE chain AS (
            SELECT above.parent AS up, 1 AS length UNION ALL SELECT g.parent, length + 1 FROM chain JOIN grants AS g ON g.id = chain.up
        ) SELECT max(length) >= 8 FROM chain) THEN
        PERFORM refuse('grantee', 'parent', above.id::text, 'a chain of at most 8');
    END IF;

    IF wanted ? 'scope' THEN
        SELECT id INTO new.scope FROM party WHERE name = wanted ->> 'scope' AND role IN ('client', 'member', 'group');
        IF (new.scope IS NOT NULL AND (above.scope IS NULL OR above.scope IN (SELECT scopes_of(new.scope)))) IS NOT TRUE THEN
            PERFORM refuse('scope', 'scope', coalesce(wanted ->> 'scope', 'everybody'), (SELECT name FROM party WHERE id = above.scope));
        END IF;
    END IF;

    new.key := wanted ->> 'key';
    IF new.key IS NOT NULL AND ((walks AND wanted ? 'per_item' AND above.power = 'ask') IS NOT TRUE
        OR EXISTS (SELECT FROM grants AS g WHERE g.key = new.key AND g.ended IS NULL)) THEN
        PERFORM refuse('one-instruction', 'key', left(new.key, 200));
    END IF;

    FOREACH cap IN ARRAY ARRAY['per_item', 'per_day', 'per_period', 'period_days', 'exposure'] LOOP
        CONTINUE WHEN NOT wanted ? cap;
        most := to_jsonb(above) ->> cap;
        IF above.power = 'read' THEN
            PERFORM refuse('cap', cap, wanted ->> cap, 'a grant of a route');
        ELSIF jsonb_typeof(wanted -> cap) <> 'number' THEN
            PERFORM refuse('cap', cap, wanted ->> cap, '1 to 10^15');
        END IF;
        asked := wanted ->> cap;
        IF asked <> trunc(asked) OR NOT asked BETWEEN 1 AND largest OR cap = 'period_days' AND NOT asked BETWEEN 2 AND 3660 THEN
            PERFORM refuse('cap', cap, asked::text, CASE cap WHEN 'period_days' THEN '2 to 3660' ELSE '1 to 10^15' END);
        ELSIF (CASE cap WHEN 'period_days' THEN asked < most ELSE asked > most END) THEN
            PERFORM refuse('cap', cap, asked::text, most::text);
        END IF;
        new := jsonb_populate_record(new, jsonb_build_object(cap, asked::bigint));
    END LOOP;
    IF (new.per_period IS NULL) <> (new.period_days IS NULL) THEN
        PERFORM refuse('cap', 'per_period', 'one without the other', 'per_period and period_days');
    ELSIF new.exposure IS NOT NULL AND (way.held AND new.power = 'ask') IS NOT TRUE THEN
        PERFORM refuse('cap', 'exposure', new.exposure::text, 'a route that is held');
    END IF;

    new.valid_from := coalesce((wanted ->> 'valid_from')::date, greatest(today, above.valid_from));
    new.valid_until := coalesce((wanted ->> 'valid_until')::date, above.valid_until);
    IF (new.valid_from >= greatest(today, above.valid_from) AND (new.valid_until IS NULL OR new.valid_until >= new.valid_from)
        AND (above.valid_until IS NULL OR new.valid_until <= above.valid_until)) IS NOT TRUE THEN
        PERFORM refuse('validity', CASE WHEN new.valid_from < greatest(today, above.valid_from) THEN 'valid_from' ELSE 'valid_until' END,
            format('%s to %s', new.valid_from, coalesce(new.valid_until::text, 'further notice')),
            format('%s to %s', greatest(today, above.valid_from), coalesce(above.valid_until::text, 'further notice')));
    END IF;

    batch := seal('grant', session_user, 0, '', document => give.document, key => give.key);
    new.id := (SELECT max(id) + 1 FROM grants);
    new.given := batch;
    INSERT INTO grants SELECT (new).*;
END
$$;

-- End a grant and all below it, and with them the accounts that were opened under one; the batch that ended it. Whoever
-- gave it may, or gave one above it. `document` is JSON: {"revoke": id}. Refusals: grant - no such grant stands; grantor - another gave it.
CREATE OR REPLACE FUNCTION {ledger}.revoke(key text, document text, OUT batch bigint, OUT replayed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
DECLARE
    wanted CONSTANT integer := revoke.document::jsonb ->> 'revoke';
    givers text;
BEGIN
    batch := given_before(revoke.key, 'grant', revoke.document);
    replayed := batch IS NOT NULL;
    IF replayed THEN
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM grants AS g WHERE g.id = wanted AND g.ended IS NULL) OR wanted IS NULL THEN
        PERFORM refuse('grant', 'revoke', coalesce(wanted::text, 'none'));
    END IF;
    WITH RECURSIVE chain AS (
        SELECT parent, grantor FROM grants WHERE id = wanted
        UNION ALL SELECT g.parent, g.grantor FROM chain JOIN grants AS g ON g.id = chain.parent
    ) SELECT string_agg(grantor, ', ') INTO givers FROM chain HAVING NOT bool_or(grantor = session_user);
    IF givers IS NOT NULL THEN
        PERFORM refuse('grantor', 'revoke', wanted::text, givers);
    END IF;
    batch := seal('grant', session_user, 0, '', document => revoke.document, key => revoke.key);
    WITH RECURSIVE below AS (
        SELECT wanted AS id UNION ALL SELECT g.id FROM below JOIN grants AS g ON g.parent = below.id
    ), over AS (
        UPDATE grants AS g SET ended = batch FROM below WHERE g.id = below.id AND g.ended IS NULL RETURNING g.id
    ) UPDATE account SET lives_until = (SELECT day - 1 FROM head) FROM over WHERE account.under = over.id;
END
$$;
