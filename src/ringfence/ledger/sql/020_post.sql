-- Post a batch of instructions: exactly as if they were posted one after another, in one pass over arrays.
--
-- `accounts` are distinct and ascend; side1 to side4 are positions in it (0: the route is shorter). Amounts are positive
-- and in the unit's minor part. NULL for a whole array: all shorter, posted at once, about nothing, never expiring, alone,
-- with no payee, without reference. `abouts` names the hold that an item posts or releases, in full or part, or the posting
-- that it reverses; else 0. A hold that is placed here can be finished by a later batch only; it `expires` after a booking
-- day, or never (9999-12-31). Items of one number in `links`, side by side, are carried out all or none (0: alone).
-- `source` and `source_batch` say which batch of a bank's book is taken over.
--
-- An item's status is 0 (carried out), 1 (its key was carried out before, by the same request) or the first refusal that
-- applies, in this order; 11 to 17 are looked for side by side along the path, 25 to 28 grant by grant up the chain, where
-- the uppermost refuses. `figure` is what the control saw: a side of the path (0: the payee itself), an amount, a posting,
-- an action, a route, an item or a day counted from 2000-01-01; for 25 to 28 what was used, and `under` the grant that has
-- the cap.
--      2 key      carried out before, by another request       17 ended     an account whose grant has ended receives
--      3 amount   not from 1 to 10^15                          18 shut      no day is open
--      4 route    no such route                                19 day       the value date is closed
--      5 asker    this login has no grant for it               20 dated     further from the booking day than may be
--      6 action   a held route goes by hold, no other does     21 hold      no such open hold
--      7 account  no such account                              22 reversal  no such posting, or reversed before
--      8 path     an account's kind is not the route's         23 differs   not what was held, or posted
--      9 party    the subject is not registered                24 rest      more than is left of the hold
--     10 scope    the login's grants are for others            25 item      more than a grant allows at once
--     11 unit     the accounts' units differ                   26 daily     more than a grant allows on a booking day
--     12 client   a client's account is not the subject's      27 period    more than a grant allows in its period
--     13 member   a member's account is not its member's       28 exposure  more than a grant allows to be held
--     14 payee    not the account that is registered           29 funds     more than is available where it comes from
--     15 cooling  the registered account is not in force yet   30 ceiling   more than there is room for
--     16 source   not confirmed by the bank on the path        31 overflow  beyond what a balance can hold
--                                                              32 linked    another of its group was refused, or carried
--                                                                           out before
--                                                              33 expires   a hold that would have expired before today
-- Several grants are tried in the order in which they were given, then one for this key alone: the first with room carries
-- it; if none has, the first refuses. A refused item changes nothing, and never its neighbours outside its group. `under`
-- is the grant that carried it. Balances are those of the first and last account after it.
CREATE OR REPLACE FUNCTION {ledger}.post(
    accounts bigint [], side1 integer [], side2 integer [], side3 integer [], side4 integer [],
    actions smallint [], routes smallint [], subjects integer [], amounts bigint [], abouts bigint [],
    keys text [], hashes bytea [], value_dates date [], expires date [], links integer [], payees text [], refs text [],
    source integer DEFAULT NULL, source_batch bigint DEFAULT NULL,
    OUT batch bigint, OUT status smallint [], OUT posting bigint [], OUT under integer [], OUT figure bigint [],
    OUT debit_balance bigint [], OUT credit_balance bigint []
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {ledger}, pg_temp
SET plan_cache_mode = force_generic_plan SET jit = off AS $$
#variable_conflict use_variable
DECLARE
    n CONSTANT integer := cardinality(keys);
    size CONSTANT integer := cardinality(accounts);
    dims CONSTANT text := format('[1:%s]', n);
    before head;
    -- Per account of the batch.
    a_kind smallint []; a_role smallint []; a_unit smallint []; a_owner integer []; a_number text []; a_ended boolean [];
    a_least bigint []; a_most bigint []; a_balance bigint []; a_out bigint []; a_in bigint []; a_changed boolean [];
    -- Per route: the length of its path, what it reverses, by which grant this login may ask and finish: ids, and places below.
    r_length integer []; r_reverses smallint []; r_ask integer []; r_finish integer []; r_asks integer []; r_finishes integer [];
    -- Per grant that may count, parents first: caps, what is used of them, what has changed. Below a cap all are capped.
    leaves integer []; g_id integer []; g_parent integer []; g_capped boolean [];
    g_item bigint []; g_daily bigint []; g_period bigint []; g_days integer []; g_exposure bigint [];
    g_today bigint []; g_lately bigint []; g_out bigint []; g_changed boolean [];
    -- Where a login has several grants for a route, or grants for some subjects: which of them each item has.
    simple boolean; standing integer []; c_grant integer []; i_first integer []; i_last integer []; i_own integer []; i_owns integer [];
    -- Use of an earlier day that was given back.
    b_grant integer []; b_day date []; b_amount bigint []; back integer;
    -- Per item: the control that refuses it whatever is posted before it.
    i_refused smallint [];
    -- Per item: the hold or posting that it is about, numbered, and what is left of each; what is finished of holds.
    h_number integer []; h_same boolean []; h_rest bigint []; h_under integer []; h_grant integer []; h_day date [];
    h_left bigint []; f_hold bigint []; f_amount bigint []; finished integer;
    -- Per item, when keys are looked up: the posting that has it, whether it was this request, the first item with it.
    probed boolean := false; probe boolean;
    p_posting bigint []; p_same boolean []; p_under integer []; p_first integer []; p_won integer [];
    -- What is written.
    e_id bigint []; e_account bigint []; e_amount bigint []; e_balance bigint []; legs integer;
    w_action smallint []; w_route smallint []; w_under integer []; w_subject integer []; w_amount bigint []; w_about bigint [];
    w_link bigint []; w_key text []; w_hash bytea []; w_date date []; w_payee text []; w_ref text [];
    w_id bigint []; w_side1 bigint []; w_side2 bigint []; w_side3 bigint []; w_side4 bigint []; w_expires date [];
    next_posting bigint; placed integer; refused integer; replayed integer; changed integer; reached bigint;
    -- Whether all items move money at once over two accounts each, alone, and none is refused for what it is; what all of
    -- one route come to, and the largest.
    plain boolean := side3 IS NULL AND side4 IS NULL AND actions IS NULL AND abouts IS NULL AND links IS NULL;
    total numeric; largest bigint;
    -- The item at hand.
    act smallint; r smallint; a bigint; code smallint; seen bigint; known bigint;
    one integer; last integer; hop integer; p integer; q integer; other integer; link integer;
    g integer; carrier integer; k integer; ends integer; capped smallint; cap_seen bigint; cap_at integer;
    -- The group at hand: its first and last item, its first posting, whether it was carried out before, and, while all of it
    -- is taken back, the item that was refused.
    i integer; opening integer; closing integer; opening_posting bigint; again boolean; culprit integer; undoing boolean;
    o_legs integer; o_placed integer; o_back integer; o_finished integer; i_carrier integer [];
BEGIN
    -- What is as usual for all items need not be sent.
    side3 := coalesce(side3, array_fill(0, ARRAY[n])); side4 := coalesce(side4, array_fill(0, ARRAY[n]));
    actions := coalesce(actions, array_fill(0::smallint, ARRAY[n])); abouts := coalesce(abouts, array_fill(0::bigint, ARRAY[n]));
    expires := coalesce(expires, array_fill(date '9999-12-31', ARRAY[n])); links := coalesce(links, array_fill(0, ARRAY[n]));
    payees := coalesce(payees, array_fill(''::text, ARRAY[n])); refs := coalesce(refs, array_fill(''::text, ARRAY[n]));
    IF (n BETWEEN 1 AND 10000 AND array_dims(keys) = dims AND array_dims(accounts) = format('[1:%s]', size)
        AND array_dims(side1) = dims AND array_dims(side2) = dims AND array_dims(side3) = dims AND array_dims(side4) = dims
        AND array_dims(actions) = dims AND array_dims(routes) = dims AND array_dims(subjects) = dims
        AND array_dims(amounts) = dims AND array_dims(abouts) = dims AND array_dims(hashes) = dims
        AND array_dims(value_dates) = dims AND array_dims(expires) = dims AND array_dims(links) = dims
        AND array_dims(payees) = dims AND array_dims(refs) = dims AND array_position(links, NULL) IS NULL) IS NOT TRUE THEN
        RAISE EXCEPTION 'post takes 1 to 10000 items in arrays of one length' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF (source IS NULL) <> (source_batch IS NULL) OR source IS NOT NULL
        AND NOT EXISTS (SELECT FROM route WHERE bank_confirmed AND session_user IN (asks, finishes)) THEN
        RAISE EXCEPTION '% takes over no batches', session_user USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT * INTO STRICT before FROM head FOR UPDATE;

    SELECT * INTO r_length, r_reverses, r_ask, r_finish, simple FROM routes_for(session_user, before.day);
    IF 0 < ANY (abouts) THEN
        SELECT * INTO h_number, h_same, h_rest, h_under, h_day
        FROM referred_to(before.day, accounts, side1, side2, side3, side4, actions, routes, subjects, amounts, abouts, payees);
    END IF;
    standing := CASE WHEN simple THEN r_ask || r_finish ELSE standing_grants(session_user, before.day, subjects) END;
    leaves := standing || h_under;

    -- A second pass is made only where keys have to be looked up; each begins with the accounts and grants as they are.
    LOOP
        SELECT * INTO a_kind, a_role, a_unit, a_owner, a_number, a_ended, a_least, a_most, a_balance, a_out, a_in
        FROM accounts_named(accounts, before.day);
        a_changed := array_fill(false, ARRAY[size]);
        SELECT * INTO g_id, g_parent, g_capped, g_item, g_daily, g_period, g_days, g_exposure, g_today, g_lately, g_out
        FROM grants_with_parents(leaves, before.day);
        g_changed := array_fill(false, ARRAY[coalesce(cardinality(g_id), 0)]);
        IF simple THEN
            r_asks := places_of(r_ask, g_id); r_finishes := places_of(r_finish, g_id);
        ELSE
            SELECT places_of(c.candidates, g_id), c.first, c.last INTO c_grant, i_first, i_last
            FROM candidates_for(standing, actions, routes, subjects) AS c;
        END IF;
        h_grant := places_of(h_under, g_id); i_owns := places_of(i_own, g_id);
        IF i_refused IS NULL OR 0 < ANY (i_own) THEN
            i_refused := controls(before.day, before.closed_through, source, a_kind, a_role, a_unit, a_owner, a_number, a_ended,
                r_ask, r_finish, i_owns, simple, i_first, i_last,
                side1, side2, side3, side4, actions, routes, subjects, amounts, value_dates, payees);
        END IF;
        b_grant := '{}'; b_day := '{}'; b_amount := '{}'; back := 0;
        FOR p IN 1..coalesce(cardinality(h_number), 0) LOOP
            IF h_number[p] > 0 THEN h_left[h_number[p]] := h_rest[p]; END IF;
        END LOOP;
        f_hold := '{}'; f_amount := '{}'; finished := 0;
        status := array_fill(0::smallint, ARRAY[n]);
        posting := array_fill(0::bigint, ARRAY[n]);
        figure := posting;
        under := array_fill(0, ARRAY[n]);
        w_action := '{}'; w_under := '{}'; w_link := array_fill(0::bigint, ARRAY[n]); i_carrier := under;
        debit_balance := array_fill(NULL::bigint, ARRAY[n]);
        credit_balance := debit_balance;
        e_id := '{}'; e_account := '{}'; e_amount := '{}'; e_balance := '{}';
        w_id := '{}'; w_side1 := '{}'; w_side2 := '{}'; w_side3 := '{}'; w_side4 := '{}'; w_expires := '{}';
        next_posting := before.posting; legs := 0; placed := 0; refused := 0; replayed := 0;

        i := 0; undoing := false;
        plain := plain AND simple AND NOT probed AND 0 = ALL (i_refused);
        IF plain THEN
            -- Only caps and funds are left to look at. Where one does not do, all are gone through again, one by one.
            FOR r, total, largest IN
                SELECT u.route, sum(u.amount), max(u.amount) FROM unnest(routes, amounts) AS u (route, amount) GROUP BY u.route
            LOOP
                plain := plain AND r_reverses[r] = 0; p := r_asks[r];
                WHILE plain AND p > 0 AND g_capped[p] LOOP
                    plain := (largest <= g_item[p] AND g_today[p] + total <= g_daily[p] AND g_lately[p] + total <= g_period[p])
                        IS TRUE;
                    IF plain THEN
                        g_today[p] := g_today[p] + total; g_lately[p] := g_lately[p] + total; g_changed[p] := true;
                    END IF;
                    p := g_parent[p];
                END LOOP;
            END LOOP;
            WHILE plain AND i < n LOOP
                i := i + 1; a := amounts[i]; one := side1[i]; last := side2[i];
                known := a_balance[one] - a; seen := a_balance[last] + a;
                plain := (known - a_out[one] >= a_least[one] AND seen + a_in[last] <= a_most[last]) IS TRUE;
                a_balance[one] := known; a_balance[last] := seen; a_changed[one] := true; a_changed[last] := true;
                debit_balance[i] := known; credit_balance[i] := seen;
            END LOOP;
            CONTINUE WHEN NOT plain;
            next_posting := before.posting + n; legs := 2 * n;
            posting := ARRAY(SELECT before.posting + u FROM generate_series(1, n) AS u);
            under := ARRAY(SELECT r_ask[u.route] FROM unnest(routes) AS u (route)); w_under := under;
            e_id := ARRAY(SELECT posting[u / 2] * 8 + u % 2 FROM generate_series(2, legs + 1) AS u);
            e_account := ARRAY(SELECT accounts[CASE u % 2 WHEN 0 THEN side1[u / 2] ELSE side2[u / 2] END] FROM generate_series(2, legs + 1) AS u);
            e_amount := ARRAY(SELECT CASE u % 2 WHEN 0 THEN -amounts[u / 2] ELSE amounts[u / 2] END FROM generate_series(2, legs + 1) AS u);
            e_balance := ARRAY(
                SELECT CASE u % 2 WHEN 0 THEN debit_balance[u / 2] ELSE credit_balance[u / 2] END FROM generate_series(2, legs + 1) AS u);
        END IF;
        WHILE i < n LOOP
            i := i + 1;
            IF undoing THEN
                IF i = culprit THEN
                    -- All before it are taken back; what comes after it was refused with it.
                    undoing := false; i := closing;
                    CONTINUE;
                END IF;
                CONTINUE WHEN status[i] <> 0;
            END IF;
            act := actions[i]; r := routes[i]; a := amounts[i]; link := links[i]; code := 0;
            one := side1[i]; last := CASE r_length[r] WHEN 2 THEN side2[i] WHEN 3 THEN side3[i] ELSE side4[i] END;

            IF undoing THEN
                a := -a; carrier := i_carrier[i];
            ELSE
                IF link <> 0 AND (i = 1 OR link <> links[i - 1]) THEN
                    opening := i; opening_posting := next_posting + 1; again := NULL;
                    o_legs := legs; o_placed := placed; o_back := back; o_finished := finished;
                END IF;
                IF probed THEN
                    IF p_posting[i] <> 0 THEN
                        seen := p_posting[i];
                        code := CASE WHEN p_same[i] THEN 1 ELSE 2 END;
                        IF code = 1 THEN under[i] := p_under[i]; END IF;
                    ELSIF p_won[p_first[i]] <> 0 THEN
                        other := p_won[p_first[i]];
                        seen := posting[other];
                        code := CASE WHEN hashes[i] = hashes[other] THEN 1 ELSE 2 END;
                        IF code = 1 THEN
                            debit_balance[i] := debit_balance[other]; credit_balance[i] := credit_balance[other];
                            under[i] := under[other];
                        END IF;
                    END IF;
                END IF;
                IF link <> 0 AND code < 2 THEN
                    IF again <> (code = 1) THEN code := 32; seen := opening; END IF;
                    again := code = 1;
                END IF;
                IF code = 0 AND i_refused[i] <> 0 THEN
                    code := i_refused[i] % 32;
                    seen := control_saw(i_refused[i], act, r, subjects[i], a, value_dates[i], before.day, before.closed_through);
                END IF;
                IF code = 0 AND (act > 1 OR abouts[i] <> 0 OR r_reverses[r] > 0) THEN
                    seen := abouts[i];
                    IF act = 1 OR act = 0 AND r_reverses[r] = 0 THEN code := CASE act WHEN 0 THEN 22 ELSE 21 END;
                    ELSIF (h_number[i] > 0 AND h_left[h_number[i]] > 0) IS NOT TRUE THEN code := CASE act WHEN 0 THEN 22 ELSE 21 END;
                    ELSIF h_same[i] IS NOT TRUE THEN code := 23;
                    ELSIF (a <= h_left[h_number[i]]) IS NOT TRUE THEN code := 24; seen := h_left[h_number[i]];
                    END IF;
                END IF;

                IF code = 0 THEN
                    -- Which grant carries it.
                    carrier := 0;
                    IF simple THEN
                        g := CASE WHEN act < 2 THEN r_asks[r] ELSE r_finishes[r] END;
                        k := 1; ends := CASE WHEN g > 0 THEN 1 ELSE 0 END;
                    ELSE
                        k := i_first[i]; ends := i_last[i];
                    END IF;
                    WHILE carrier = 0 AND (k <= ends OR k = ends + 1 AND i_owns[i] > 0) LOOP
                        IF k > ends THEN g := i_owns[i]; ELSIF NOT simple THEN g := c_grant[k]; END IF;
                        capped := 0;
                        p := CASE act WHEN 3 THEN 0 ELSE g END;
                        WHILE p > 0 AND g_capped[p] LOOP
                            IF (a <= g_item[p]) IS NOT TRUE THEN capped := 25; cap_at := p; cap_seen := 0;
                            ELSIF (g_today[p] + a <= g_daily[p]) IS NOT TRUE THEN capped := 26; cap_at := p; cap_seen := g_today[p];
                            ELSIF (g_lately[p] + a <= g_period[p]) IS NOT TRUE THEN capped := 27; cap_at := p; cap_seen := g_lately[p];
                            ELSIF act = 1 AND (g_out[p] + a <= g_exposure[p]) IS NOT TRUE THEN
                                capped := 28; cap_at := p; cap_seen := g_out[p];
                            END IF;
                            p := g_parent[p];
                        END LOOP;
                        IF capped = 0 THEN
                            carrier := g;
                        ELSIF code = 0 THEN
                            code := capped; seen := cap_seen; under[i] := g_id[cap_at];
                        END IF;
                        k := k + 1;
                    END LOOP;
                    IF carrier > 0 THEN code := 0; under[i] := g_id[carrier];
                    ELSIF code = 0 THEN code := 5; seen := 0;
                    END IF;
                END IF;

                IF code = 0 AND act < 2
                    AND (a_balance[one] - a_out[one] - a < a_least[one] OR a_balance[last] + a_in[last] + a > a_most[last]) THEN
                    IF a_least[one] = 0 AND a_balance[one] - a_out[one] < a THEN
                        code := 29; seen := a_balance[one] - a_out[one];
                    ELSIF a_most[last] = 0 AND a_balance[last] + a_in[last] + a > 0 THEN
                        code := 30; seen := -(a_balance[last] + a_in[last]);
                    ELSE
                        code := 31; seen := 0;
                    END IF;
                END IF;

                IF code = 0 AND act = 1 AND (expires[i] >= before.day) IS NOT TRUE THEN
                    code := 33; seen := 0;
                END IF;

                IF code <> 0 THEN
                    status[i] := code; figure[i] := seen;
                    IF code > 1 AND NOT code BETWEEN 25 AND 28 THEN under[i] := 0; END IF;
                    IF code = 1 THEN
                        replayed := replayed + 1; posting[i] := seen;
                        CONTINUE;
                    END IF;
                    refused := refused + 1;
                    CONTINUE WHEN link = 0;
                    -- Its group is refused with it: what comes after unseen, what came before is taken back.
                    closing := i;
                    WHILE closing < n AND links[closing + 1] = link LOOP
                        closing := closing + 1; refused := refused + 1;
                        status[closing] := 32; figure[closing] := i;
                    END LOOP;
                    culprit := i; undoing := true; i := opening - 1;
                    next_posting := opening_posting - 1;
                    legs := o_legs; placed := o_placed; back := o_back; finished := o_finished;
                    CONTINUE;
                END IF;
            END IF;

            -- It is carried out, or taken back: then with an amount below zero, and nothing is written down.
            IF undoing THEN
                w_link[posting[i] - before.posting] := 0;
                status[i] := 32; figure[i] := culprit; posting[i] := 0; under[i] := 0; refused := refused + 1;
                IF probed THEN p_won[p_first[i]] := 0; END IF;
            ELSE
                next_posting := next_posting + 1; posting[i] := next_posting;
                w_under[next_posting - before.posting] := under[i];
                IF link <> 0 THEN i_carrier[i] := carrier; w_link[next_posting - before.posting] := opening_posting; END IF;
                IF probed THEN p_won[p_first[i]] := i; END IF;
            END IF;
            IF abouts[i] <> 0 AND h_number[i] > 0 THEN h_left[h_number[i]] := h_left[h_number[i]] - a; END IF;
            IF act = 0 THEN
                NULL;
            ELSIF act = 1 THEN
                a_out[one] := a_out[one] + a; a_in[last] := a_in[last] + a;
                IF NOT undoing THEN
                    placed := placed + 1;
                    w_id[placed] := next_posting; w_expires[placed] := expires[i];
                    w_side1[placed] := accounts[one]; w_side2[placed] := accounts[side2[i]];
                    w_side3[placed] := coalesce(accounts[side3[i]], 0); w_side4[placed] := coalesce(accounts[side4[i]], 0);
                END IF;
            ELSE
                a_out[one] := a_out[one] - a; a_in[last] := a_in[last] - a;
                IF NOT undoing THEN
                    finished := finished + 1; f_hold[finished] := abouts[i]; f_amount[finished] := a;
                END IF;
            END IF;
            -- It counts against every grant up to the beginning of the chain; what is finished is no longer out under the
            -- grant that held it, and what is released was never used.
            p := CASE act WHEN 3 THEN 0 ELSE carrier END;
            WHILE p > 0 AND g_capped[p] LOOP
                g_today[p] := g_today[p] + a; g_lately[p] := g_lately[p] + a; g_changed[p] := true;
                IF act = 1 THEN g_out[p] := g_out[p] + a; END IF;
                p := g_parent[p];
            END LOOP;
            p := CASE WHEN act > 1 THEN h_grant[i] ELSE 0 END;
            WHILE p > 0 AND g_capped[p] LOOP
                g_out[p] := g_out[p] - a; g_changed[p] := true;
                IF act = 3 AND h_day[i] > before.day - g_days[p] THEN g_lately[p] := g_lately[p] - a; END IF;
                IF act = 3 AND h_day[i] = before.day THEN g_today[p] := g_today[p] - a;
                ELSIF act = 3 AND NOT undoing THEN
                    back := back + 1; b_grant[back] := g_id[p]; b_day[back] := h_day[i]; b_amount[back] := a;
                END IF;
                p := g_parent[p];
            END LOOP;
            IF act = 0 OR act = 2 THEN
                p := one; hop := 1;
                LOOP
                    q := CASE hop WHEN 1 THEN side2[i] WHEN 2 THEN side3[i] ELSE side4[i] END;
                    a_balance[p] := a_balance[p] - a; a_balance[q] := a_balance[q] + a;
                    IF NOT undoing THEN
                        -- Of the account that gives, then of the one that receives.
                        legs := legs + 2; known := next_posting * 8 + 2 * hop;
                        e_id[legs - 1] := known - 2; e_id[legs] := known - 1;
                        e_account[legs - 1] := accounts[p]; e_account[legs] := accounts[q];
                        e_amount[legs - 1] := -a; e_amount[legs] := a;
                        e_balance[legs - 1] := a_balance[p]; e_balance[legs] := a_balance[q];
                    END IF;
                    EXIT WHEN q = last;
                    a_changed[q] := true; p := q; hop := hop + 1;
                END LOOP;
            END IF;
            a_changed[one] := true; a_changed[last] := true;
            IF undoing THEN
                debit_balance[i] := NULL; credit_balance[i] := NULL;
            ELSE
                debit_balance[i] := a_balance[one]; credit_balance[i] := a_balance[last];
            END IF;
        END LOOP;

        -- What was refused may have been carried out long ago, or earlier in this batch.
        probe := NOT probed AND refused > 0 AND (
            EXISTS (SELECT FROM unnest(keys) AS u (wanted) GROUP BY u.wanted HAVING count(*) > 1)
            OR EXISTS (
                SELECT FROM unnest(keys, status) AS u (k, s)
                CROSS JOIN LATERAL (SELECT FROM posting AS x WHERE x.key = u.k LIMIT 1) AS known WHERE u.s <> 0));
        IF NOT probed AND status && ARRAY[5, 10, 25, 26, 27, 28]::smallint [] THEN
            -- What no standing grant carries may have one of its own.
            i_own := own_grants(session_user, before.day, keys, actions, routes, subjects);
            probe := probe OR 0 < ANY (i_own);
        END IF;
        IF NOT probe THEN
            EXIT WHEN next_posting = before.posting;
            w_action := actions; w_route := routes; w_subject := subjects; w_amount := amounts; w_about := abouts;
            w_key := keys; w_hash := hashes; w_date := value_dates; w_payee := payees; w_ref := refs;
            IF refused + replayed > 0 THEN
                -- Only what is carried out is written and hashed.
                SELECT * INTO w_action, w_route, w_subject, w_amount, w_about, w_key, w_hash, w_date, w_payee, w_ref
                FROM carried_out(status, actions, routes, subjects, amounts, abouts, keys, hashes, value_dates, payees, refs);
                -- What was taken back with its group is still at the end of what is written.
                w_under := w_under[1:next_posting - before.posting]; w_link := w_link[1:next_posting - before.posting];
                e_id := e_id[1:legs]; e_account := e_account[1:legs]; e_amount := e_amount[1:legs]; e_balance := e_balance[1:legs];
                w_id := w_id[1:placed]; w_side1 := w_side1[1:placed]; w_side2 := w_side2[1:placed];
                w_side3 := w_side3[1:placed]; w_side4 := w_side4[1:placed]; w_expires := w_expires[1:placed];
                f_hold := f_hold[1:finished]; f_amount := f_amount[1:finished];
                b_grant := b_grant[1:back]; b_day := b_day[1:back]; b_amount := b_amount[1:back];
            END IF;
            batch := before.batch + 1;
            BEGIN
                INSERT INTO posting
                SELECT before.posting + u, batch, w_action[u], w_route[u], w_under[u], w_subject[u], w_amount[u], w_about[u],
                    w_link[u], w_key[u], w_hash[u], w_date[u], w_payee[u], w_ref[u]
                FROM generate_series(1, cardinality(w_key)) AS u;
                EXIT;
            EXCEPTION WHEN unique_violation THEN
                IF probed THEN RAISE; END IF;
            END;
        END IF;

        -- Once more, with every key looked up.
        probed := true;
        SELECT * INTO p_posting, p_same, p_under, p_first FROM keys_used(keys, hashes);
        p_won := array_fill(0, ARRAY[n]);
        i_own := coalesce(i_own, own_grants(session_user, before.day, keys, actions, routes, subjects));
        leaves := leaves || i_own;
    END LOOP;

    IF replayed > 0 THEN
        SELECT * INTO debit_balance, credit_balance
        FROM balances_then(debit_balance, credit_balance, status, posting, routes, accounts, side1, side2, side3, side4);
    END IF;
    reached := (SELECT max(x.source_batch) FROM batch AS x WHERE x.source = post.source);
    IF next_posting = before.posting AND (source IS NULL OR refused > 0 OR source_batch <= reached) THEN
        batch := NULL;
        RETURN;
    ELSIF source_batch <= reached THEN
        RAISE EXCEPTION 'batch % of the bank was taken over, as were all up to %; nothing can be added to it', source_batch, reached
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    INSERT INTO entry (id, account, amount, balance)
    SELECT e_id[u], e_account[u], e_amount[u], e_balance[u] FROM generate_series(1, legs) AS u ORDER BY e_account[u], u;
    IF placed + finished > 0 THEN
        INSERT INTO hold (id, side1, side2, side3, side4, expires, rest)
        SELECT u.id, u.one, u.two, u.three, u.four, u.expires, w_amount[u.id - before.posting]
        FROM unnest(w_id, w_side1, w_side2, w_side3, w_side4, w_expires) AS u (id, one, two, three, four, expires);
        UPDATE hold AS h SET rest = h.rest - u.amount
        FROM (SELECT f.id, sum(f.amount) AS amount FROM unnest(f_hold, f_amount) AS f (id, amount) GROUP BY f.id) AS u
        WHERE h.id = u.id;
    END IF;
    UPDATE account AS x SET balance = a_balance[u.place], held_out = a_out[u.place], held_in = a_in[u.place]
    FROM unnest(accounts) WITH ORDINALITY AS u (id, place) WHERE x.id = u.id AND a_changed[u.place];
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed <> (SELECT count(*) FROM unnest(a_changed) AS c WHERE c) THEN
        RAISE EXCEPTION 'accounts must be distinct' USING ERRCODE = 'invalid_parameter_value';
    END IF;

    IF true = ANY (g_changed) THEN
        PERFORM count_use(before.day, g_id, g_today, g_out, g_changed, b_grant, b_day, b_amount);
    END IF;

    batch := seal('post', session_user, (next_posting - before.posting)::integer,
        digest_of(w_action, w_route, w_under, w_subject, w_amount, w_about, w_link, w_key, w_hash, w_date, w_payee, w_ref,
            e_id, e_account, e_amount, e_balance, w_id, w_side1, w_side2, w_side3, w_side4, w_expires),
        source, source_batch);
END
$$;
