-- Post a batch of instructions: exactly as if they were posted one after another, in one pass over arrays.
--
-- `accounts` are distinct and ascend; side1 to side4 are positions in it (0: the route is shorter). Amounts are positive
-- and in the unit's minor part. `holds` names what an item posts or releases, else 0; a hold that is placed here can be
-- finished by a later batch only. `source` and `source_batch` say which batch of a bank's book is taken over.
--
-- An item's status is 0 (carried out), 1 (its key was carried out before, by the same request) or the first refusal that
-- applies, in this order; 11 to 15 are looked for side by side along the path. `figure` is what the control saw: a side
-- of the path (0: the payee itself), an amount, a posting, an action, a route or a day counted from 2000-01-01.
--      2 key      carried out before, by another request       13 member    a member's account is not its member's
--      3 amount   not from 1 to 10^15                          14 payee     not the account that is registered
--      4 route    no such route                                15 source    not confirmed by the bank on the path
--      5 asker    this login may not                           17 shut      no day is open
--      6 action   a held route goes by hold, no other does     18 day       the value date is closed
--      7 account  no such account                              19 hold      no such open hold
--      8 path     an account's kind is not the route's         20 differs   not what was held
--      9 party    the subject is not registered                25 funds     more than is available where it comes from
--     11 unit     the accounts' units differ                   26 ceiling   more than there is room for
--     12 client   a client's account is not the subject's      27 overflow  beyond what a balance can hold
-- A refused item changes nothing, and never its neighbours. Balances are those after the posting; a hold has none.
CREATE OR REPLACE FUNCTION {ledger}.post(
    accounts bigint [], side1 integer [], side2 integer [], side3 integer [], side4 integer [],
    actions smallint [], routes smallint [], subjects integer [], amounts bigint [], holds bigint [],
    keys text [], hashes bytea [], value_dates date [], payees text [], refs text [],
    source integer DEFAULT NULL, source_batch bigint DEFAULT NULL,
    OUT batch bigint, OUT status smallint [], OUT posting bigint [], OUT figure bigint [],
    OUT debit_balance bigint [], OUT credit_balance bigint []
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {ledger}, pg_temp
SET plan_cache_mode = force_generic_plan SET jit = off AS $$
#variable_conflict use_variable
DECLARE
    n CONSTANT integer := cardinality(keys);
    size CONSTANT integer := cardinality(accounts);
    largest CONSTANT bigint := 1000000000000000;
    fullest CONSTANT bigint := 4000000000000000000;
    dims CONSTANT text := format('[1:%s]', n);
    before head;
    -- Per account of the batch.
    a_kind smallint []; a_unit smallint []; a_owner integer [];
    a_balance bigint []; a_out bigint []; a_in bigint [];
    a_number text []; a_changed boolean [];
    -- Per kind: 1 zero, 2 non-negative, 3 non-positive, 4 free; and whose it is: 1 a client's, 2 a member's, 3 a bank's, 0 other.
    k_invariant smallint []; k_role smallint [];
    -- Per route: its kinds, what must hold, and whether this login may ask and finish.
    r_length integer []; r_kind1 smallint []; r_kind2 smallint []; r_kind3 smallint []; r_kind4 smallint [];
    r_client boolean []; r_member boolean []; r_payee boolean []; r_confirmed boolean []; r_held boolean [];
    r_asks boolean []; r_finishes boolean [];
    -- Per item: the subject's member and registered bank, whether the payee is the registered account, and its hold.
    s_known boolean []; s_member integer []; s_bank integer []; s_payee boolean [];
    h_number integer []; h_same boolean []; h_finished boolean [];
    -- Per item, when keys are looked up: the posting that has it, whether it was this request, the first item with it.
    probed boolean := false; probe boolean;
    p_posting bigint []; p_same boolean []; p_first integer []; p_won integer [];
    -- What is written.
    e_id bigint []; e_account bigint []; e_amount bigint []; e_balance bigint []; legs integer;
    w_action smallint []; w_route smallint []; w_subject integer []; w_amount bigint []; w_holds bigint [];
    w_key text []; w_hash bytea []; w_date date []; w_payee text []; w_ref text [];
    w_id bigint []; w_side1 bigint []; w_side2 bigint []; w_side3 bigint []; w_side4 bigint [];
    next_posting bigint; placed integer; refused integer; replayed integer; changed integer;
    -- The item at hand.
    act smallint; r smallint; a bigint; code smallint; seen bigint; len integer;
    one integer; two integer; three integer; four integer; last integer; hop integer; p integer; q integer; other integer;
BEGIN
    IF (n BETWEEN 1 AND 10000 AND array_dims(keys) = dims AND array_dims(accounts) = format('[1:%s]', size)
        AND array_dims(side1) = dims AND array_dims(side2) = dims AND array_dims(side3) = dims AND array_dims(side4) = dims
        AND array_dims(actions) = dims AND array_dims(routes) = dims AND array_dims(subjects) = dims
        AND array_dims(amounts) = dims AND array_dims(holds) = dims AND array_dims(hashes) = dims
        AND array_dims(value_dates) = dims AND array_dims(payees) = dims AND array_dims(refs) = dims) IS NOT TRUE THEN
        RAISE EXCEPTION 'post takes 1 to 10000 items in arrays of one length' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF (source IS NULL) <> (source_batch IS NULL) OR source IS NOT NULL
        AND NOT EXISTS (SELECT FROM route WHERE bank_confirmed AND session_user IN (asks, finishes)) THEN
        RAISE EXCEPTION '% takes over no batches', session_user USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT * INTO STRICT before FROM head FOR UPDATE;

    SELECT array_agg(array_position(ARRAY['zero', 'non-negative', 'non-positive', 'free'], invariant)::smallint ORDER BY id),
        array_agg(coalesce(array_position(ARRAY['client', 'member', 'bank'], owner_role), 0)::smallint ORDER BY id)
    INTO k_invariant, k_role FROM kind;

    SELECT array_agg(cardinality(path) ORDER BY id), array_agg(path[1] ORDER BY id), array_agg(path[2] ORDER BY id),
        array_agg(coalesce(path[3], 0) ORDER BY id), array_agg(coalesce(path[4], 0) ORDER BY id),
        array_agg(same_client ORDER BY id), array_agg(own_member ORDER BY id), array_agg(registered_account ORDER BY id),
        array_agg(bank_confirmed ORDER BY id), array_agg(held ORDER BY id),
        array_agg(asks = session_user ORDER BY id), array_agg(coalesce(finishes = session_user, false) ORDER BY id)
    INTO r_length, r_kind1, r_kind2, r_kind3, r_kind4, r_client, r_member, r_payee, r_confirmed, r_held, r_asks, r_finishes
    FROM route;

    SELECT array_agg(s.id IS NOT NULL ORDER BY place), array_agg(coalesce(s.member, s.id, 0) ORDER BY place),
        array_agg(coalesce(b.bank, 0) ORDER BY place),
        array_agg(coalesce(b.account_number = wanted.payee, false) ORDER BY place)
    INTO s_known, s_member, s_bank, s_payee
    FROM unnest(subjects, payees) WITH ORDINALITY AS wanted (id, payee, place)
    LEFT JOIN party AS s ON s.id = wanted.id LEFT JOIN binding AS b ON b.client = wanted.id;

    -- Holds that are open now, numbered, so that two items of this batch cannot finish the same one.
    IF 0 < ANY (holds) THEN
        SELECT array_agg(coalesce(number, 0) ORDER BY place), array_agg(coalesce(same, false) ORDER BY place)
        INTO h_number, h_same
        FROM (
            SELECT wanted.place,
                CASE WHEN o.id IS NOT NULL AND NOT EXISTS (SELECT FROM posting AS f WHERE f.hold <> 0 AND f.hold = o.id)
                    THEN dense_rank() OVER (ORDER BY wanted.id) END::integer AS number,
                (o.route, o.subject, o.amount, o.payee) = (wanted.route, wanted.subject, wanted.amount, wanted.payee)
                AND w.side1 = accounts[wanted.one] AND w.side2 = accounts[wanted.two]
                AND w.side3 = coalesce(accounts[wanted.three], 0) AND w.side4 = coalesce(accounts[wanted.four], 0) AS same
            FROM unnest(holds, routes, subjects, amounts, payees, side1, side2, side3, side4)
                WITH ORDINALITY AS wanted (id, route, subject, amount, payee, one, two, three, four, place)
            LEFT JOIN LATERAL (SELECT * FROM hold WHERE hold.id = wanted.id LIMIT 1) AS w ON true
            LEFT JOIN LATERAL (SELECT * FROM posting WHERE posting.id = w.id LIMIT 1) AS o ON true
        ) AS found;
    END IF;

    -- A second pass is made only where keys have to be looked up; each begins with the accounts as they are.
    LOOP
        SELECT array_agg(coalesce(x.kind, 0) ORDER BY place), array_agg(coalesce(x.unit, 0) ORDER BY place),
            array_agg(coalesce(x.owner, 0) ORDER BY place), array_agg(coalesce(x.balance, 0) ORDER BY place),
            array_agg(coalesce(x.held_out, 0) ORDER BY place), array_agg(coalesce(x.held_in, 0) ORDER BY place),
            array_agg(x.number ORDER BY place), array_agg(false)
        INTO a_kind, a_unit, a_owner, a_balance, a_out, a_in, a_number, a_changed
        FROM unnest(accounts) WITH ORDINALITY AS wanted (id, place) LEFT JOIN account AS x ON x.id = wanted.id;
        h_finished := array_fill(false, ARRAY[n]);
        status := array_fill(0::smallint, ARRAY[n]);
        posting := array_fill(0::bigint, ARRAY[n]);
        figure := posting;
        debit_balance := array_fill(NULL::bigint, ARRAY[n]);
        credit_balance := debit_balance;
        e_id := '{}'; e_account := '{}'; e_amount := '{}'; e_balance := '{}';
        w_id := '{}'; w_side1 := '{}'; w_side2 := '{}'; w_side3 := '{}'; w_side4 := '{}';
        next_posting := before.posting; legs := 0; placed := 0; refused := 0; replayed := 0;

        FOR i IN 1..n LOOP
            act := actions[i]; r := routes[i]; a := amounts[i];
            one := side1[i]; two := side2[i]; three := side3[i]; four := side4[i];
            code := 0; seen := 0;

            IF probed THEN
                IF p_posting[i] <> 0 THEN
                    seen := p_posting[i];
                    code := CASE WHEN p_same[i] THEN 1 ELSE 2 END;
                ELSIF p_won[p_first[i]] <> 0 THEN
                    other := p_won[p_first[i]];
                    seen := posting[other];
                    code := CASE WHEN hashes[i] = hashes[other] THEN 1 ELSE 2 END;
                    IF code = 1 THEN
                        debit_balance[i] := debit_balance[other]; credit_balance[i] := credit_balance[other];
                    END IF;
                END IF;
            END IF;

            -- Every test is written so that an unknown is a refusal.
            IF code <> 0 THEN
                NULL;
            ELSIF (a BETWEEN 1 AND largest) IS NOT TRUE THEN
                code := 3; seen := coalesce(a, 0);
            ELSIF (r BETWEEN 1 AND cardinality(r_length)) IS NOT TRUE THEN
                code := 4; seen := coalesce(r, 0);
            ELSIF (CASE WHEN act IN (0, 1) THEN r_asks[r] WHEN act IN (2, 3) THEN r_finishes[r] END) IS NOT TRUE THEN
                code := 5;
            ELSIF ((act <> 0) = r_held[r]) IS NOT TRUE THEN
                code := 6; seen := act;
            ELSE
                len := r_length[r];
                last := CASE len WHEN 2 THEN two WHEN 3 THEN three ELSE four END;
                IF (one BETWEEN 1 AND size AND a_kind[one] <> 0) IS NOT TRUE THEN code := 7; seen := 1;
                ELSIF (two BETWEEN 1 AND size AND a_kind[two] <> 0) IS NOT TRUE THEN code := 7; seen := 2;
                ELSIF ((len < 3 AND three = 0) OR (three BETWEEN 1 AND size AND a_kind[three] <> 0)) IS NOT TRUE THEN
                    code := 7; seen := 3;
                ELSIF ((len < 4 AND four = 0) OR (four BETWEEN 1 AND size AND a_kind[four] <> 0)) IS NOT TRUE THEN
                    code := 7; seen := 4;
                ELSIF (a_kind[one] = r_kind1[r]) IS NOT TRUE THEN code := 8; seen := 1;
                ELSIF (a_kind[two] = r_kind2[r] AND one <> last) IS NOT TRUE THEN code := 8; seen := 2;
                ELSIF (r_kind3[r] = 0 OR a_kind[three] = r_kind3[r]) IS NOT TRUE THEN code := 8; seen := 3;
                ELSIF (r_kind4[r] = 0 OR a_kind[four] = r_kind4[r]) IS NOT TRUE THEN code := 8; seen := 4;
                ELSIF (len < 3 AND three <> 0 OR len < 4 AND four <> 0) IS NOT FALSE THEN code := 8; seen := len + 1;
                ELSIF s_known[i] IS NOT TRUE THEN code := 9;
                ELSE
                    hop := 0;
                    WHILE hop < len AND code = 0 LOOP
                        hop := hop + 1;
                        p := CASE hop WHEN 1 THEN one WHEN 2 THEN two WHEN 3 THEN three ELSE four END;
                        IF a_unit[p] <> a_unit[one] THEN code := 11; seen := hop;
                        ELSIF k_role[a_kind[p]] = 1 AND r_client[r] AND a_owner[p] <> subjects[i] THEN code := 12; seen := hop;
                        ELSIF k_role[a_kind[p]] = 2 AND r_member[r] AND a_owner[p] <> s_member[i] THEN code := 13; seen := hop;
                        ELSIF k_role[a_kind[p]] = 1 AND r_payee[r] AND a_number[p] <> payees[i] THEN code := 14; seen := hop;
                        ELSIF k_role[a_kind[p]] = 3 AND r_payee[r] AND a_owner[p] <> s_bank[i] THEN code := 14; seen := hop;
                        ELSIF k_role[a_kind[p]] = 3 AND r_confirmed[r] AND act IN (0, 2)
                            AND (a_owner[p] = source) IS NOT TRUE THEN code := 15; seen := hop;
                        END IF;
                    END LOOP;
                    IF code <> 0 THEN NULL;
                    ELSIF r_payee[r] AND s_payee[i] IS NOT TRUE THEN code := 14; seen := 0;
                    ELSIF before.day <= before.closed_through THEN
                        code := 17; seen := before.closed_through - date '2000-01-01';
                    ELSIF (value_dates[i] > before.closed_through) IS NOT TRUE THEN
                        code := 18; seen := before.closed_through - date '2000-01-01';
                    ELSIF act IN (2, 3) THEN
                        IF (h_number[i] > 0 AND NOT h_finished[h_number[i]]) IS NOT TRUE THEN code := 19; seen := holds[i];
                        ELSIF h_same[i] IS NOT TRUE THEN code := 20; seen := holds[i];
                        END IF;
                    ELSIF holds[i] <> 0 THEN code := 19; seen := holds[i];
                    ELSIF k_invariant[a_kind[one]] = 2 AND a_balance[one] - a_out[one] < a THEN
                        code := 25; seen := a_balance[one] - a_out[one];
                    ELSIF k_invariant[a_kind[last]] = 3 AND a_balance[last] + a_in[last] + a > 0 THEN
                        code := 26; seen := -(a_balance[last] + a_in[last]);
                    ELSIF a_balance[one] - a_out[one] - a < -fullest OR a_balance[last] + a_in[last] + a > fullest THEN
                        code := 27;
                    END IF;
                END IF;
            END IF;

            IF code <> 0 THEN
                status[i] := code; figure[i] := seen;
                IF code = 1 THEN
                    replayed := replayed + 1; posting[i] := seen;
                ELSE
                    refused := refused + 1;
                END IF;
                CONTINUE;
            END IF;

            -- It is carried out.
            next_posting := next_posting + 1;
            posting[i] := next_posting;
            IF probed THEN p_won[p_first[i]] := i; END IF;
            IF act IN (2, 3) THEN
                h_finished[h_number[i]] := true;
                a_out[one] := a_out[one] - a; a_in[last] := a_in[last] - a;
            ELSIF act = 1 THEN
                a_out[one] := a_out[one] + a; a_in[last] := a_in[last] + a;
                placed := placed + 1;
                w_id[placed] := next_posting;
                w_side1[placed] := accounts[one]; w_side2[placed] := accounts[two];
                w_side3[placed] := coalesce(accounts[three], 0); w_side4[placed] := coalesce(accounts[four], 0);
            END IF;
            IF act IN (0, 2) THEN
                p := one;
                FOR hop IN 2..len LOOP
                    q := CASE hop WHEN 2 THEN two WHEN 3 THEN three ELSE four END;
                    a_balance[p] := a_balance[p] - a;
                    legs := legs + 1;
                    e_id[legs] := next_posting * 8 + 2 * hop - 4; e_account[legs] := accounts[p];
                    e_amount[legs] := -a; e_balance[legs] := a_balance[p];
                    a_balance[q] := a_balance[q] + a;
                    legs := legs + 1;
                    e_id[legs] := next_posting * 8 + 2 * hop - 3; e_account[legs] := accounts[q];
                    e_amount[legs] := a; e_balance[legs] := a_balance[q];
                    a_changed[p] := true; p := q;
                END LOOP;
            END IF;
            a_changed[one] := true; a_changed[last] := true;
            IF act IN (0, 2) THEN
                debit_balance[i] := a_balance[one]; credit_balance[i] := a_balance[last];
            END IF;
        END LOOP;

        -- What was refused may have been carried out long ago, or earlier in this batch.
        probe := NOT probed AND refused > 0 AND (
            (SELECT count(DISTINCT k) < n FROM unnest(keys) AS k)
            OR EXISTS (
                SELECT FROM unnest(keys, status) AS u (k, s)
                CROSS JOIN LATERAL (SELECT FROM posting AS x WHERE x.key = u.k LIMIT 1) AS known WHERE u.s <> 0));
        IF NOT probe THEN
            EXIT WHEN next_posting = before.posting;
            w_action := actions; w_route := routes; w_subject := subjects; w_amount := amounts; w_holds := holds;
            w_key := keys; w_hash := hashes; w_date := value_dates; w_payee := payees; w_ref := refs;
            IF refused + replayed > 0 THEN
                -- Only what is carried out is written and hashed.
                SELECT array_agg(u.action ORDER BY u.place), array_agg(u.route ORDER BY u.place),
                    array_agg(u.subject ORDER BY u.place), array_agg(u.amount ORDER BY u.place),
                    array_agg(u.hold ORDER BY u.place), array_agg(u.k ORDER BY u.place),
                    array_agg(u.h ORDER BY u.place), array_agg(u.d ORDER BY u.place),
                    array_agg(u.payee ORDER BY u.place), array_agg(u.ref ORDER BY u.place)
                INTO w_action, w_route, w_subject, w_amount, w_holds, w_key, w_hash, w_date, w_payee, w_ref
                FROM unnest(actions, routes, subjects, amounts, holds, keys, hashes, value_dates, payees, refs, status)
                    WITH ORDINALITY AS u (action, route, subject, amount, hold, k, h, d, payee, ref, s, place)
                WHERE u.s = 0;
            END IF;
            batch := before.batch + 1;
            BEGIN
                INSERT INTO posting
                SELECT before.posting + u.place, batch, u.action, u.route, u.subject, u.amount, u.hold,
                    u.k, u.h, u.d, u.payee, u.ref
                FROM unnest(w_action, w_route, w_subject, w_amount, w_holds, w_key, w_hash, w_date, w_payee, w_ref)
                    WITH ORDINALITY AS u (action, route, subject, amount, hold, k, h, d, payee, ref, place);
                EXIT;
            EXCEPTION WHEN unique_violation THEN
                IF probed THEN RAISE; END IF;
            END;
        END IF;

        -- Once more, with every key looked up.
        probed := true;
        SELECT array_agg(coalesce(x.id, 0) ORDER BY u.place), array_agg(coalesce(x.hash = u.h, false) ORDER BY u.place),
            array_agg(u.first ORDER BY u.place), array_agg(0)
        INTO p_posting, p_same, p_first, p_won
        FROM (
            SELECT k, h, place, (min(place) OVER (PARTITION BY k))::integer AS first
            FROM unnest(keys, hashes) WITH ORDINALITY AS v (k, h, place)
        ) AS u LEFT JOIN LATERAL (SELECT y.id, y.hash FROM posting AS y WHERE y.key = u.k LIMIT 1) AS x ON true;
    END LOOP;

    IF replayed > 0 THEN
        -- The result of then: what the entries say.
        SELECT array_agg(coalesce(u.debit, d.balance) ORDER BY u.place), array_agg(coalesce(u.credit, c.balance) ORDER BY u.place)
        INTO debit_balance, credit_balance
        FROM unnest(debit_balance, credit_balance, status, posting, routes, side1, side2, side3, side4)
            WITH ORDINALITY AS u (debit, credit, s, id, route, one, two, three, four, place)
        LEFT JOIN LATERAL (SELECT x.balance FROM entry AS x
            WHERE u.s = 1 AND x.account = accounts[u.one] AND x.id = u.id * 8) AS d ON true
        LEFT JOIN LATERAL (SELECT x.balance FROM entry AS x
            WHERE u.s = 1 AND x.id = u.id * 8 + 2 * r_length[u.route] - 3
            AND x.account = accounts[CASE r_length[u.route] WHEN 2 THEN u.two WHEN 3 THEN u.three ELSE u.four END]) AS c ON true;
    END IF;
    IF next_posting = before.posting AND (source IS NULL
        OR source_batch <= (SELECT max(x.source_batch) FROM batch AS x WHERE x.source = post.source)) THEN
        batch := NULL;
        RETURN;
    END IF;

    INSERT INTO entry (id, account, amount, balance)
    SELECT * FROM unnest(e_id, e_account, e_amount, e_balance) AS u (id, account, amount, balance) ORDER BY u.account, u.id;
    INSERT INTO hold SELECT * FROM unnest(w_id, w_side1, w_side2, w_side3, w_side4);
    UPDATE account AS x SET balance = u.balance, held_out = u.held_out, held_in = u.held_in
    FROM unnest(accounts, a_balance, a_out, a_in, a_changed) AS u (id, balance, held_out, held_in, changed)
    WHERE x.id = u.id AND u.changed;
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed <> (SELECT count(*) FROM unnest(a_changed) AS c WHERE c) THEN
        RAISE EXCEPTION 'accounts must be distinct' USING ERRCODE = 'invalid_parameter_value';
    END IF;

    batch := seal('post', session_user, (next_posting - before.posting)::integer,
        CASE WHEN next_posting = before.posting THEN '' ELSE
            sha256(array_send(w_action)) || sha256(array_send(w_route)) || sha256(array_send(w_subject))
            || sha256(array_send(w_amount)) || sha256(array_send(w_holds)) || sha256(array_send(w_key))
            || sha256(array_send(w_hash)) || sha256(array_send(w_date)) || sha256(array_send(w_payee))
            || sha256(array_send(w_ref)) || sha256(array_send(e_id)) || sha256(array_send(e_account))
            || sha256(array_send(e_amount)) || sha256(array_send(e_balance)) || sha256(array_send(w_id))
            || sha256(array_send(w_side1)) || sha256(array_send(w_side2)) || sha256(array_send(w_side3))
            || sha256(array_send(w_side4))
        END::bytea,
        source, source_batch);
END
$$;
