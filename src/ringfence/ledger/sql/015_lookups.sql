-- What `post` looks up and writes beside its loop, one statement each; results are arrays in the order of the items, the
-- kinds or the routes.

-- The accounts of a batch, in its order: kind (0: no such account), whose it is by role (1 a client's, 2 a member's, 3 a
-- bank's, 0 other), unit, owner, number, whether its grant has ended by `day`; what it may be, and what it is.
CREATE OR REPLACE FUNCTION {ledger}.accounts_named(
    accounts bigint [], day date,
    OUT kinds smallint [], OUT roles smallint [], OUT units smallint [], OUT owners integer [], OUT numbers text [],
    OUT ended boolean [], OUT at_least bigint [], OUT at_most bigint [], OUT balances bigint [], OUT held_out bigint [],
    OUT held_in bigint []
)
LANGUAGE sql STABLE SET search_path = {ledger}, pg_temp AS $$
    SELECT array_agg(coalesce(x.kind, 0) ORDER BY w.place),
        array_agg(coalesce(declared.roles[x.kind], 0) ORDER BY w.place),
        array_agg(coalesce(x.unit, 0) ORDER BY w.place), array_agg(coalesce(x.owner, 0) ORDER BY w.place),
        array_agg(x.number ORDER BY w.place), array_agg(coalesce(x.lives_until < accounts_named.day, false) ORDER BY w.place),
        array_agg(coalesce(x.at_least, 0) ORDER BY w.place), array_agg(coalesce(x.at_most, 0) ORDER BY w.place),
        array_agg(coalesce(x.balance, 0) ORDER BY w.place), array_agg(coalesce(x.held_out, 0) ORDER BY w.place),
        array_agg(coalesce(x.held_in, 0) ORDER BY w.place)
    FROM (
        SELECT array_agg(coalesce(array_position(ARRAY['client', 'member', 'bank'], owner_role), 0)::smallint ORDER BY id) AS roles
        FROM kind
    ) AS declared
    CROSS JOIN unnest(accounts) WITH ORDINALITY AS w (id, place) LEFT JOIN account AS x ON x.id = w.id
$$;

-- Whether `party` is covered by every scope from a grant up to the beginning of its chain.
CREATE OR REPLACE FUNCTION {ledger}.covers(under integer, party integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path = {ledger}, pg_temp AS $$
    WITH RECURSIVE chain AS (
        SELECT g.parent, g.scope FROM grants AS g WHERE g.id = covers.under
        UNION ALL SELECT g.parent, g.scope FROM chain JOIN grants AS g ON g.id = chain.parent
    ) SELECT NOT EXISTS (SELECT FROM chain WHERE scope IS NOT NULL AND scope NOT IN (SELECT scopes_of(covers.party)))
$$;

-- All standing grants of a login that may be for one of `subjects`.
CREATE OR REPLACE FUNCTION {ledger}.standing_grants(login text, day date, subjects integer []) RETURNS integer []
LANGUAGE sql STABLE SET search_path = {ledger}, pg_temp AS $$
    WITH scope AS (
        SELECT DISTINCT c.covers FROM (SELECT DISTINCT u.subject FROM unnest(subjects) AS u (subject)) AS s
        CROSS JOIN LATERAL scopes_of(s.subject) AS c (covers)
    )
    SELECT coalesce(array_agg(g.id ORDER BY g.id), '{}') FROM grants AS g
    WHERE g.grantee = standing_grants.login AND g.ended IS NULL AND g.key IS NULL
        AND standing_grants.day >= g.valid_from AND (g.valid_until IS NULL OR standing_grants.day <= g.valid_until)
        AND (g.scope IS NULL OR g.scope IN (SELECT scope.covers FROM scope))
$$;

-- The grant that a login has for an item alone, by its key; 0 where there is none.
CREATE OR REPLACE FUNCTION {ledger}.own_grants(
    login text, day date, keys text [], actions smallint [], routes smallint [], subjects integer []
) RETURNS integer []
LANGUAGE sql STABLE SET search_path = {ledger}, pg_temp AS $$
    SELECT array_agg(coalesce(own.id, 0) ORDER BY u.place)
    FROM unnest(keys, actions, routes, subjects) WITH ORDINALITY AS u (k, action, route, subject, place)
    LEFT JOIN LATERAL (
        SELECT g.id FROM grants AS g
        WHERE g.key = u.k AND g.ended IS NULL AND g.grantee = own_grants.login AND g.power = 'ask' AND g.route = u.route
            AND u.action IN (0, 1) AND own_grants.day >= g.valid_from
            AND (g.valid_until IS NULL OR own_grants.day <= g.valid_until) AND covers(g.id, u.subject)
        LIMIT 1
    ) AS own ON true
$$;

-- Per route: the length of its path, what it reverses, and the standing grants by which `login` may ask and finish on `day`;
-- `simple` if it has at most one for each, and for everybody.
CREATE OR REPLACE FUNCTION {ledger}.routes_for(
    login text, day date,
    OUT length integer [], OUT reverses smallint [], OUT ask integer [], OUT finish integer [], OUT simple boolean
)
LANGUAGE sql STABLE SET search_path = {ledger}, pg_temp AS $$
    WITH standing AS (
        SELECT g.power, g.route, min(g.id) AS id, count(*) > 1 OR bool_or(g.scope IS NOT NULL) AS several
        FROM grants AS g
        WHERE g.grantee = routes_for.login AND g.power IN ('ask', 'finish') AND g.ended IS NULL AND g.key IS NULL
            AND routes_for.day >= g.valid_from AND (g.valid_until IS NULL OR routes_for.day <= g.valid_until)
        GROUP BY g.power, g.route
    )
    SELECT array_agg(cardinality(r.path) ORDER BY r.id), array_agg(coalesce(r.reverses, 0) ORDER BY r.id),
        array_agg(coalesce(a.id, 0) ORDER BY r.id), array_agg(coalesce(f.id, 0) ORDER BY r.id),
        bool_and(a.several IS NOT TRUE AND f.several IS NOT TRUE)
    FROM route AS r
    LEFT JOIN standing AS a ON a.power = 'ask' AND a.route = r.id
    LEFT JOIN standing AS f ON f.power = 'finish' AND f.route = r.id
$$;

-- The grants `leaves` with all above them, ascending, so that a parent comes before its children: their caps, and what of
-- each is used on `day`. No cap is a number that no sum reaches.
CREATE OR REPLACE FUNCTION {ledger}.grants_with_parents(
    leaves integer [], day date,
    OUT ids integer [], OUT parents integer [], OUT capped boolean [], OUT per_item bigint [], OUT per_day bigint [],
    OUT per_period bigint [], OUT period_days integer [], OUT exposure bigint [],
    OUT used_today bigint [], OUT used_period bigint [], OUT outstanding bigint []
)
LANGUAGE sql STABLE SET search_path = {ledger}, pg_temp AS $$
    WITH RECURSIVE chain AS (
        SELECT g.id, g.parent FROM grants AS g WHERE g.id = ANY (leaves)
        UNION SELECT g.id, g.parent FROM chain JOIN grants AS g ON g.id = chain.parent
    ), counted AS (
        SELECT g.*, num_nonnulls(g.per_item, g.per_day, g.per_period, g.exposure) > 0 AS capped,
            (row_number() OVER (ORDER BY g.id))::integer AS place
        FROM chain JOIN grants AS g ON g.id = chain.id
    )
    SELECT array_agg(c.id ORDER BY c.id),
        array_agg(coalesce((SELECT up.place FROM counted AS up WHERE up.id = c.parent), 0) ORDER BY c.id),
        array_agg(c.capped ORDER BY c.id),
        array_agg(coalesce(c.per_item, 9000000000000000000) ORDER BY c.id),
        array_agg(coalesce(c.per_day, 9000000000000000000) ORDER BY c.id),
        array_agg(coalesce(c.per_period, 9000000000000000000) ORDER BY c.id),
        array_agg(coalesce(c.period_days, 1) ORDER BY c.id),
        array_agg(coalesce(c.exposure, 9000000000000000000) ORDER BY c.id),
        array_agg(coalesce(u.today, 0) ORDER BY c.id),
        array_agg(coalesce(u.period, 0) ORDER BY c.id),
        array_agg(c.outstanding ORDER BY c.id)
    FROM counted AS c
    LEFT JOIN LATERAL (
        SELECT (sum(x.used) FILTER (WHERE x.day = grants_with_parents.day))::bigint AS today, sum(x.used)::bigint AS period
        FROM grant_use AS x
        WHERE c.capped AND x.under = c.id AND x.day > grants_with_parents.day - coalesce(c.period_days, 1)
    ) AS u ON true
$$;

-- Where each of `wanted` stands in `ids`; 0 where it does not.
CREATE OR REPLACE FUNCTION {ledger}.places_of(wanted integer [], ids integer []) RETURNS integer []
LANGUAGE sql STABLE SET search_path = {ledger}, pg_temp AS $$
    SELECT array_agg(coalesce(i.place, 0)::integer ORDER BY w.place)
    FROM unnest(wanted) WITH ORDINALITY AS w (id, place) LEFT JOIN unnest(ids) WITH ORDINALITY AS i (id, place) ON i.id = w.id
$$;

-- Write down what a batch used of capped grants on `day`, and what it gave back of earlier days.
CREATE OR REPLACE FUNCTION {ledger}.count_use(
    day date, ids integer [], used_today bigint [], outstanding bigint [], changed boolean [],
    back_grants integer [], back_days date [], back_amounts bigint []
) RETURNS void
LANGUAGE sql SET search_path = {ledger}, pg_temp AS $$
    UPDATE grants AS g SET outstanding = u.outstanding
    FROM unnest(ids, count_use.outstanding, changed) AS u (id, outstanding, changed) WHERE g.id = u.id AND u.changed;
    INSERT INTO grant_use
    SELECT u.id, count_use.day, u.used FROM unnest(ids, used_today, changed) AS u (id, used, changed) WHERE u.changed
    ON CONFLICT ON CONSTRAINT grant_use_pkey DO UPDATE SET used = excluded.used;
    UPDATE grant_use AS x SET used = x.used - u.amount
    FROM (
        SELECT b.id, b.day, sum(b.amount)::bigint AS amount
        FROM unnest(back_grants, back_days, back_amounts) AS b (id, day, amount) GROUP BY b.id, b.day
    ) AS u WHERE x.under = u.id AND x.day = u.day
$$;

-- Which of the standing grants `leaves` a login has for each item: from which to which place in `candidates`, which are
-- ids in ascending order. Only grants that cover the subject, as every grant above them does.
CREATE OR REPLACE FUNCTION {ledger}.candidates_for(
    leaves integer [], actions smallint [], routes smallint [], subjects integer [],
    OUT candidates integer [], OUT first integer [], OUT last integer []
)
LANGUAGE sql STABLE SET search_path = {ledger}, pg_temp AS $$
    WITH RECURSIVE item AS (
        SELECT route, CASE WHEN action IN (0, 1) THEN 'ask' WHEN action IN (2, 3) THEN 'finish' END AS power, subject, place
        FROM unnest(actions, routes, subjects) WITH ORDINALITY AS u (action, route, subject, place)
    ), scope AS (
        SELECT s.subject, c.covers FROM (SELECT DISTINCT subject FROM item) AS s
        CROSS JOIN LATERAL (SELECT NULL::integer UNION SELECT scopes_of(s.subject)) AS c (covers)
    ), leaf AS (
        SELECT g.id, g.parent, g.power, g.route, g.scope FROM grants AS g WHERE g.id = ANY (leaves)
    ), chain AS (
        SELECT id AS leaf, parent, scope FROM leaf
        UNION ALL SELECT chain.leaf, g.parent, g.scope FROM chain JOIN grants AS g ON g.id = chain.parent
    ), wanted AS (
        SELECT DISTINCT route, power, subject FROM item
    ), fit AS (
        SELECT w.route, w.power, w.subject, leaf.id
        FROM wanted AS w
        JOIN scope AS s ON s.subject IS NOT DISTINCT FROM w.subject
        JOIN leaf ON leaf.route = w.route AND leaf.power = w.power AND coalesce(leaf.scope, 0) = coalesce(s.covers, 0)
        WHERE NOT EXISTS (
            SELECT FROM chain WHERE chain.leaf = leaf.id AND chain.scope IS NOT NULL
                AND NOT EXISTS (SELECT FROM scope AS c WHERE c.subject = w.subject AND c.covers = chain.scope))
    ), placed AS (
        SELECT *, (row_number() OVER (ORDER BY route, power, subject, id))::integer AS place FROM fit
    ), spans AS (
        SELECT route, power, subject, min(place) AS first, max(place) AS last FROM placed GROUP BY route, power, subject
    )
    SELECT (SELECT coalesce(array_agg(id ORDER BY place), '{}') FROM placed),
        array_agg(coalesce(s.first, 1) ORDER BY i.place), array_agg(coalesce(s.last, 0) ORDER BY i.place)
    FROM item AS i
    LEFT JOIN spans AS s ON s.route = i.route AND s.power = i.power AND s.subject = i.subject
$$;

-- What items are about: the hold that is to be finished, or the posting that is to be reversed. Numbered if it can be, so
-- that items of one batch share what is left of it; whether the item says what was held or posted; what is left; under
-- which grant it was placed, and on which day.
CREATE OR REPLACE FUNCTION {ledger}.referred_to(
    today date, accounts bigint [], side1 integer [], side2 integer [], side3 integer [], side4 integer [],
    actions smallint [], routes smallint [], subjects integer [], amounts bigint [], abouts bigint [], payees text [],
    OUT number integer [], OUT same boolean [], OUT rest bigint [], OUT under integer [], OUT day date []
)
LANGUAGE sql STABLE SET search_path = {ledger}, pg_temp AS $$
    WITH wanted AS (
        SELECT u.*, r.reverses, cardinality(r.path) AS length,
            ARRAY[accounts[u.one], accounts[u.two], accounts[u.three], accounts[u.four]] AS path
        FROM unnest(abouts, actions, routes, subjects, amounts, payees, side1, side2, side3, side4)
            WITH ORDINALITY AS u (id, action, route, subject, amount, payee, one, two, three, four, place)
        LEFT JOIN route AS r ON r.id = u.route
    ), found AS (
        SELECT w.place, w.id, o.under, b.day,
            CASE w.action
                WHEN 0 THEN (o.route, o.subject, o.amount) = (w.reverses, w.subject, w.amount) AND w.length = (
                    -- The path is the way back: its n-th account from the end has the entry of the n-th on the way there.
                    SELECT count(*) FROM generate_series(1, w.length) AS n
                    WHERE EXISTS (SELECT FROM entry AS e WHERE e.account = w.path[w.length + 1 - n]
                        AND e.id = o.id * 8 + CASE n WHEN 1 THEN 0 ELSE 2 * n - 3 END))
                ELSE (o.route, o.subject, o.payee) = (w.route, w.subject, w.payee)
                    AND (h.side1, h.side2, h.side3, h.side4)
                    = (w.path[1], w.path[2], coalesce(w.path[3], 0), coalesce(w.path[4], 0))
            END AS same,
            CASE w.action
                WHEN 0 THEN (SELECT o.amount WHERE o.action IN (0, 2)
                    AND NOT EXISTS (SELECT FROM posting AS f WHERE f.about = o.id AND f.action = 0 AND f.about <> 0))
                WHEN 2 THEN (SELECT h.rest WHERE h.expires >= today)
                ELSE h.rest
            END AS rest
        FROM wanted AS w
        LEFT JOIN LATERAL (SELECT * FROM posting WHERE w.id <> 0 AND posting.id = w.id LIMIT 1) AS o ON true
        LEFT JOIN LATERAL (SELECT * FROM hold WHERE hold.id = o.id LIMIT 1) AS h ON true
        LEFT JOIN LATERAL (SELECT * FROM batch WHERE batch.id = o.batch LIMIT 1) AS b ON true
    )
    SELECT array_agg(CASE WHEN f.rest > 0 THEN f.number ELSE 0 END ORDER BY f.place),
        array_agg(coalesce(f.same, false) ORDER BY f.place), array_agg(coalesce(f.rest, 0) ORDER BY f.place),
        array_agg(coalesce(f.under, 0) ORDER BY f.place), array_agg(f.day ORDER BY f.place)
    FROM (SELECT *, (dense_rank() OVER (ORDER BY id))::integer AS number FROM found) AS f
$$;

-- Keys that were used before: the posting, whether it was this request, under which grant; and the first item of the batch
-- that has the same key.
CREATE OR REPLACE FUNCTION {ledger}.keys_used(
    keys text [], hashes bytea [], OUT posting bigint [], OUT same boolean [], OUT under integer [], OUT first integer []
)
LANGUAGE sql STABLE SET search_path = {ledger}, pg_temp AS $$
    SELECT array_agg(coalesce(x.id, 0) ORDER BY u.place), array_agg(coalesce(x.hash = u.h, false) ORDER BY u.place),
        array_agg(coalesce(x.under, 0) ORDER BY u.place), array_agg(u.first ORDER BY u.place)
    FROM (
        SELECT k, h, place, (min(place) OVER (PARTITION BY k))::integer AS first
        FROM unnest(keys, hashes) WITH ORDINALITY AS v (k, h, place)
    ) AS u LEFT JOIN LATERAL (SELECT y.id, y.hash, y.under FROM posting AS y WHERE y.key = u.k LIMIT 1) AS x ON true
$$;

-- The balances that postings of earlier left behind, where they are not known yet: what the entries up to them say.
CREATE OR REPLACE FUNCTION {ledger}.balances_then(
    known_debit bigint [], known_credit bigint [], status smallint [], posting bigint [], routes smallint [],
    accounts bigint [], side1 integer [], side2 integer [], side3 integer [], side4 integer [],
    OUT debit bigint [], OUT credit bigint []
)
LANGUAGE sql STABLE SET search_path = {ledger}, pg_temp AS $$
    SELECT array_agg(CASE WHEN u.s = 1 THEN coalesce(u.debit, d.balance, 0) ELSE u.debit END ORDER BY u.place),
        array_agg(CASE WHEN u.s = 1 THEN coalesce(u.credit, c.balance, 0) ELSE u.credit END ORDER BY u.place)
    FROM unnest(known_debit, known_credit, status, posting, routes, side1, side2, side3, side4)
        WITH ORDINALITY AS u (debit, credit, s, id, route, one, two, three, four, place)
    LEFT JOIN route AS r ON u.s = 1 AND r.id = u.route
    LEFT JOIN LATERAL (
        SELECT x.balance FROM entry AS x WHERE u.s = 1 AND x.account = accounts[u.one] AND x.id < u.id * 8 + 8
        ORDER BY x.id DESC LIMIT 1
    ) AS d ON true
    LEFT JOIN LATERAL (
        SELECT x.balance FROM entry AS x
        WHERE u.s = 1 AND x.id < u.id * 8 + 8
            AND x.account = accounts[CASE cardinality(r.path) WHEN 2 THEN u.two WHEN 3 THEN u.three ELSE u.four END]
        ORDER BY x.id DESC LIMIT 1
    ) AS c ON true
$$;

-- What was carried out of a batch: only that is written and hashed.
CREATE OR REPLACE FUNCTION {ledger}.carried_out(
    status smallint [], actions smallint [], routes smallint [], subjects integer [], amounts bigint [], abouts bigint [],
    keys text [], hashes bytea [], value_dates date [], payees text [], refs text [],
    OUT action smallint [], OUT route smallint [], OUT subject integer [], OUT amount bigint [], OUT about bigint [],
    OUT key text [], OUT hash bytea [], OUT value_date date [], OUT payee text [], OUT ref text []
)
LANGUAGE sql STABLE SET search_path = {ledger}, pg_temp AS $$
    WITH carried AS MATERIALIZED (
        SELECT ARRAY(SELECT u.place FROM unnest(status) WITH ORDINALITY AS u (s, place) WHERE u.s = 0 ORDER BY u.place) AS places
    )
    SELECT ARRAY(SELECT actions[p] FROM unnest(places) AS p), ARRAY(SELECT routes[p] FROM unnest(places) AS p),
        ARRAY(SELECT subjects[p] FROM unnest(places) AS p), ARRAY(SELECT amounts[p] FROM unnest(places) AS p),
        ARRAY(SELECT abouts[p] FROM unnest(places) AS p), ARRAY(SELECT keys[p] FROM unnest(places) AS p),
        ARRAY(SELECT hashes[p] FROM unnest(places) AS p), ARRAY(SELECT value_dates[p] FROM unnest(places) AS p),
        ARRAY(SELECT payees[p] FROM unnest(places) AS p), ARRAY(SELECT refs[p] FROM unnest(places) AS p)
    FROM carried
$$;
