-- Release up to `most` holds that have expired, the oldest first, as postings of their own; how many, and in which batch.
-- By whoever opens and closes days; nobody else's grant is used, and what was used of those that held is given back.
CREATE OR REPLACE FUNCTION {ledger}.expire(most integer, OUT batch bigint, OUT released integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    before head;
    ids bigint []; actions smallint []; routes smallint []; under integer []; subjects integer []; amounts bigint [];
    links bigint []; keys text []; hashes bytea []; dates date []; payees text []; refs text [];
    mark text;
BEGIN
    SELECT * INTO STRICT before FROM head FOR UPDATE;
    released := 0;
    IF (most BETWEEN 1 AND 10000) IS NOT TRUE OR before.day <= before.closed_through THEN
        RETURN;
    END IF;
    -- A key that nobody can have used before.
    mark := 'expired:' || encode(before.link, 'hex') || ':';
    SELECT array_agg(x.id ORDER BY x.id), array_agg(4::smallint), array_agg(x.route ORDER BY x.id),
        array_agg(x.under ORDER BY x.id), array_agg(x.subject ORDER BY x.id), array_agg(x.rest ORDER BY x.id),
        array_agg(0::bigint), array_agg(mark || x.id ORDER BY x.id),
        array_agg(sha256(convert_to(mark || x.id, 'UTF8')) ORDER BY x.id), array_agg(before.day),
        array_agg(x.payee ORDER BY x.id), array_agg(''::text), count(*)
    INTO ids, actions, routes, under, subjects, amounts, links, keys, hashes, dates, payees, refs, released
    FROM (
        SELECT h.id, h.rest, p.route, p.under, p.subject, p.payee FROM hold AS h JOIN posting AS p ON p.id = h.id
        WHERE h.rest > 0 AND h.expires < before.day ORDER BY h.expires, h.id LIMIT most
    ) AS x;
    IF released = 0 THEN
        RETURN;
    END IF;

    INSERT INTO posting
    SELECT before.posting + u.place, before.batch + 1, 4, u.route, u.under, u.subject, u.amount, u.id, 0, u.k, u.h,
        before.day, u.payee, ''
    FROM unnest(ids, routes, under, subjects, amounts, keys, hashes, payees)
        WITH ORDINALITY AS u (id, route, under, subject, amount, k, h, payee, place);
    UPDATE account AS a SET held_out = a.held_out - u.gives, held_in = a.held_in - u.receives
    FROM (
        SELECT s.account, coalesce(sum(s.amount) FILTER (WHERE s.gives), 0)::bigint AS gives,
            coalesce(sum(s.amount) FILTER (WHERE NOT s.gives), 0)::bigint AS receives
        FROM hold AS h
        CROSS JOIN LATERAL (VALUES
            (h.side1, h.rest, true),
            (CASE WHEN h.side4 <> 0 THEN h.side4 WHEN h.side3 <> 0 THEN h.side3 ELSE h.side2 END, h.rest, false)
        ) AS s (account, amount, gives)
        WHERE h.id = ANY (ids) GROUP BY s.account
    ) AS u WHERE a.id = u.account;
    WITH RECURSIVE chain AS (
        SELECT p.id AS hold, p.under AS id FROM posting AS p WHERE p.id = ANY (ids)
        UNION ALL SELECT chain.hold, g.parent FROM chain JOIN grants AS g ON g.id = chain.id WHERE g.parent IS NOT NULL
    ), counted AS (
        SELECT chain.id, b.day, sum(h.rest)::bigint AS amount
        FROM chain JOIN hold AS h ON h.id = chain.hold
        JOIN posting AS p ON p.id = chain.hold JOIN batch AS b ON b.id = p.batch
        JOIN grants AS g ON g.id = chain.id
            AND num_nonnulls(g.per_item, g.per_day, g.per_period, g.exposure) > 0
        GROUP BY chain.id, b.day
    ), used AS (
        UPDATE grant_use AS x SET used = x.used - c.amount FROM counted AS c WHERE x.under = c.id AND x.day = c.day
    ) UPDATE grants AS g SET outstanding = g.outstanding - c.amount
    FROM (SELECT id, sum(amount)::bigint AS amount FROM counted GROUP BY id) AS c WHERE g.id = c.id;
    UPDATE hold SET rest = 0 WHERE id = ANY (ids);
    batch := seal('post', session_user, released,
        digest_of(actions, routes, under, subjects, amounts, ids, links, keys, hashes, dates, payees, refs,
            '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'));
END
$$;
