-- What a posting may be refused for whatever was posted before it in its batch: looked at for a whole batch at once.

-- The first control that refuses the side `hop` of a path, as 32 * hop + control; NULL where none does. It is written into
-- the statement that calls it, so it has no settings of its own and looks at nothing but its arguments.
CREATE OR REPLACE FUNCTION {ledger}.side_refused(
    hop integer, role smallint, owner integer, number text, ended boolean, mixed boolean, action smallint,
    same_client boolean, own_member boolean, registered_account boolean, bank_confirmed boolean,
    subject integer, member integer, payee text, bank integer, source integer
) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$
    SELECT 32 * hop + CASE
        WHEN mixed THEN 11
        WHEN same_client AND role = 1 AND owner <> subject THEN 12
        WHEN own_member AND role = 2 AND owner <> member THEN 13
        WHEN registered_account AND role = 1 AND action < 2 AND number <> payee THEN 14
        WHEN registered_account AND role = 3 AND action < 2 AND owner <> bank THEN 14
        WHEN bank_confirmed AND role = 3 AND action IN (0, 2) AND (owner = source) IS NOT TRUE THEN 16
        WHEN hop > 1 AND action < 2 AND ended THEN 17
    END
$$;

-- Per item the first of the controls 3 to 20 that refuses it, and 32 times the side of the path at which; 0 where none does.
-- `asks` and `finishes` are the login's grants per route, `owns` per item; `first` and `last` the span of its grants for the
-- item's subject, where it is not `simple`. Every test is written so that an unknown is a refusal.
CREATE OR REPLACE FUNCTION {ledger}.controls(
    day date, closed_through date, source integer,
    kinds smallint [], roles smallint [], units smallint [], owners integer [], numbers text [], lapsed boolean [],
    asks integer [], finishes integer [], owns integer [], simple boolean, first integer [], last integer [],
    side1 integer [], side2 integer [], side3 integer [], side4 integer [],
    actions smallint [], routes smallint [], subjects integer [], amounts bigint [], value_dates date [], payees text []
) RETURNS smallint []
LANGUAGE sql STABLE SET search_path = {ledger}, pg_temp AS $$
    WITH declared AS MATERIALIZED (
        SELECT id, cardinality(path) AS length, path[1] AS kind1, path[2] AS kind2, path[3] AS kind3, path[4] AS kind4,
            held, same_client, own_member, registered_account, bank_confirmed,
            controls.day - back_days AS earliest, controls.day + ahead_days AS latest,
            (controls.asks)[id] AS ask, (controls.finishes)[id] AS finish
        FROM route
    )
    SELECT array_agg(coalesce(CASE
        WHEN (u.amount BETWEEN 1 AND 1000000000000000) IS NOT TRUE THEN 3
        WHEN r.id IS NULL THEN 4
        WHEN (CASE WHEN u.action IN (0, 1) THEN r.ask WHEN u.action IN (2, 3) THEN r.finish END > 0
            OR owns[u.place] > 0) IS NOT TRUE THEN 5
        WHEN ((u.action <> 0) = r.held) IS NOT TRUE THEN 6
        WHEN (kinds[u.one] <> 0) IS NOT TRUE THEN 32 + 7
        WHEN (kinds[u.two] <> 0) IS NOT TRUE THEN 64 + 7
        WHEN (r.length < 3 AND u.three = 0 OR kinds[u.three] <> 0) IS NOT TRUE THEN 96 + 7
        WHEN (r.length < 4 AND u.four = 0 OR kinds[u.four] <> 0) IS NOT TRUE THEN 128 + 7
        WHEN (kinds[u.one] = r.kind1) IS NOT TRUE THEN 32 + 8
        WHEN (kinds[u.two] = r.kind2
            AND u.one <> CASE r.length WHEN 2 THEN u.two WHEN 3 THEN u.three ELSE u.four END) IS NOT TRUE THEN 64 + 8
        WHEN (r.length < 3 OR kinds[u.three] = r.kind3) IS NOT TRUE THEN 96 + 8
        WHEN (r.length < 4 OR kinds[u.four] = r.kind4) IS NOT TRUE THEN 128 + 8
        WHEN (r.length < 3 AND u.three <> 0 OR r.length < 4 AND u.four <> 0) IS NOT FALSE THEN 32 * (r.length + 1) + 8
        WHEN s.id IS NULL THEN 9
        WHEN NOT simple AND (first[u.place] <= last[u.place] OR owns[u.place] > 0) IS NOT TRUE THEN 10
        ELSE coalesce(
            {ledger}.side_refused(1, roles[u.one], owners[u.one], numbers[u.one], lapsed[u.one], false,
                u.action, r.same_client, r.own_member, r.registered_account, r.bank_confirmed,
                u.subject, coalesce(s.member, s.id), u.payee, coalesce(b.bank, 0), source),
            {ledger}.side_refused(2, roles[u.two], owners[u.two], numbers[u.two], lapsed[u.two], units[u.two] <> units[u.one],
                u.action, r.same_client, r.own_member, r.registered_account, r.bank_confirmed,
                u.subject, coalesce(s.member, s.id), u.payee, coalesce(b.bank, 0), source),
            CASE WHEN r.length > 2 THEN
                {ledger}.side_refused(3, roles[u.three], owners[u.three], numbers[u.three], lapsed[u.three],
                    units[u.three] <> units[u.one],
                    u.action, r.same_client, r.own_member, r.registered_account, r.bank_confirmed,
                    u.subject, coalesce(s.member, s.id), u.payee, coalesce(b.bank, 0), source)
            END,
            CASE WHEN r.length > 3 THEN
                {ledger}.side_refused(4, roles[u.four], owners[u.four], numbers[u.four], lapsed[u.four],
                    units[u.four] <> units[u.one],
                    u.action, r.same_client, r.own_member, r.registered_account, r.bank_confirmed,
                    u.subject, coalesce(s.member, s.id), u.payee, coalesce(b.bank, 0), source)
            END,
            CASE
                WHEN r.registered_account AND u.action < 2 AND (b.payee = u.payee) IS NOT TRUE THEN 14
                WHEN r.registered_account AND u.action < 2 AND (b.valid_from <= controls.day) IS NOT TRUE THEN 15
                WHEN controls.day <= controls.closed_through THEN 18
                WHEN (u.value_date > controls.closed_through) IS NOT TRUE THEN 19
                WHEN (u.value_date BETWEEN r.earliest AND r.latest) IS NOT TRUE THEN 20
            END)
        END, 0)::smallint ORDER BY u.place)
    FROM (
        -- One array is unnested; a place in another costs a tenth of that.
        SELECT w.subject, w.place, side1[w.place] AS one, side2[w.place] AS two, side3[w.place] AS three, side4[w.place] AS four,
            actions[w.place] AS action, routes[w.place] AS route, amounts[w.place] AS amount,
            value_dates[w.place] AS value_date, payees[w.place] AS payee
        FROM unnest(subjects) WITH ORDINALITY AS w (subject, place)
    ) AS u
    LEFT JOIN declared AS r ON r.id = u.route
    LEFT JOIN party AS s ON s.id = u.subject
    LEFT JOIN grants AS b ON r.registered_account AND b.scope = u.subject AND b.power = 'account' AND b.ended IS NULL
        AND b.confirmed IS NOT NULL
$$;

-- What a control saw that needs no more than the instruction and the day: a side of the path (0: the payee itself), an
-- amount, an action, a route, or a day counted from 2000-01-01.
CREATE OR REPLACE FUNCTION {ledger}.control_saw(
    refused smallint, action smallint, route smallint, subject integer, amount bigint, value_date date,
    day date, closed_through date
) RETURNS bigint
LANGUAGE sql STABLE SET search_path = {ledger}, pg_temp AS $$
    SELECT coalesce(CASE refused % 32
        WHEN 3 THEN control_saw.amount
        WHEN 4 THEN control_saw.route
        WHEN 6 THEN control_saw.action
        WHEN 15 THEN (
            SELECT b.valid_from - date '2000-01-01' FROM grants AS b
            WHERE b.scope = control_saw.subject AND b.power = 'account' AND b.ended IS NULL AND b.confirmed IS NOT NULL)
        WHEN 18 THEN control_saw.closed_through - date '2000-01-01'
        WHEN 19 THEN control_saw.closed_through - date '2000-01-01'
        WHEN 20 THEN (
            SELECT CASE WHEN control_saw.value_date < control_saw.day THEN control_saw.day - r.back_days
                ELSE control_saw.day + r.ahead_days END - date '2000-01-01'
            FROM route AS r WHERE r.id = control_saw.route)
        ELSE refused / 32
    END, 0)
$$;
