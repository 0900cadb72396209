-- Batches are recorded in the order of time. A clock that was set back by more than a second stops all writing until it is
-- right again: nothing is recorded before what was recorded before it.
--
-- The chain: the link of a batch hashes the link before it, the batch's own line and a digest of everything it wrote.
CREATE OR REPLACE FUNCTION {ledger}.seal(
    what text, login name, postings integer, digests bytea,
    source integer DEFAULT NULL, source_batch bigint DEFAULT NULL, opens date DEFAULT NULL, closes date DEFAULT NULL,
    document text DEFAULT NULL, key text DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql SET search_path = {ledger}, pg_temp AS $$
DECLARE
    at timestamptz := clock_timestamp();
    latest timestamptz;
    before head;
    booked date;
    new_link bytea;
BEGIN
    SELECT * INTO STRICT before FROM head FOR UPDATE;
    booked := coalesce(seal.opens, before.day);
    latest := (SELECT recorded_at FROM batch WHERE id = before.batch);
    IF at < latest - interval '1 second' THEN
        PERFORM refuse('clock', 'clock', at::text, latest::text);
    END IF;
    at := greatest(at, latest);
    new_link := sha256(before.link || digests || convert_to(concat_ws('|',
        before.batch + 1, seal.what, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), booked, seal.login,
        before.posting + 1, seal.postings, coalesce(seal.source, 0), coalesce(seal.source_batch, 0),
        coalesce(seal.closes::text, '-'), encode(sha256(convert_to(coalesce(seal.document, ''), 'UTF8')), 'hex'),
        encode(sha256(convert_to(coalesce(seal.key, ''), 'UTF8')), 'hex')), 'UTF8'));
    INSERT INTO batch VALUES (before.batch + 1, seal.what, at, booked, seal.login, before.posting + 1, seal.postings,
        seal.source, seal.source_batch, seal.closes, seal.document, seal.key, new_link);
    UPDATE head SET batch = before.batch + 1, posting = before.posting + seal.postings, link = new_link, day = booked,
        closed_through = coalesce(seal.closes, before.closed_through);
    RETURN before.batch + 1;
END
$$;

-- Refuse an instruction that is not a posting, in a form that a program can read: which control, what was given in which
-- field, and what would have been right or what stands against it.
CREATE OR REPLACE FUNCTION {ledger}.refuse(control text, field text, given text, stands text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = {ledger}, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% (%): % given, % stands', field, control, given, stands USING ERRCODE = 'RF001',
        DETAIL = jsonb_build_object('control', control, 'field', field, 'given', given, 'stands', stands);
END
$$;

-- The batch of an instruction that was given before under `key`; NULL if the key is new. The same key with another document
-- or by another login is refused.
CREATE OR REPLACE FUNCTION {ledger}.given_before(key text, what text, document text) RETURNS bigint
LANGUAGE plpgsql SET search_path = {ledger}, pg_temp AS $$
DECLARE
    earlier batch;
BEGIN
    IF (length(given_before.key) BETWEEN 1 AND 200) IS NOT TRUE THEN
        PERFORM refuse('key', 'key', coalesce(left(given_before.key, 200), 'none'), '1 to 200 characters');
    END IF;
    PERFORM FROM head FOR UPDATE;
    SELECT * INTO earlier FROM batch WHERE batch.key = given_before.key;
    IF (earlier.what, earlier.document, earlier.login) <> (given_before.what, given_before.document, session_user) THEN
        PERFORM refuse('key', 'key', given_before.key, earlier.id::text);
    END IF;
    RETURN earlier.id;
END
$$;

-- What a batch wrote, column by column, in PostgreSQL's binary form of an array; nothing where it wrote no posting.
CREATE OR REPLACE FUNCTION {ledger}.digest_of(
    actions smallint [], routes smallint [], under integer [], subjects integer [], amounts bigint [], abouts bigint [],
    links bigint [], keys text [], hashes bytea [], value_dates date [], payees text [], refs text [],
    entries bigint [], accounts bigint [], changes bigint [], balances bigint [],
    holds bigint [], side1 bigint [], side2 bigint [], side3 bigint [], side4 bigint [], expires date []
) RETURNS bytea
LANGUAGE sql STABLE SET search_path = {ledger}, pg_temp AS $$
    SELECT CASE WHEN cardinality(actions) > 0 THEN
        sha256(array_send(actions)) || sha256(array_send(routes)) || sha256(array_send(under))
        || sha256(array_send(subjects)) || sha256(array_send(amounts)) || sha256(array_send(abouts))
        || sha256(array_send(links)) || sha256(array_send(keys)) || sha256(array_send(hashes))
        || sha256(array_send(value_dates)) || sha256(array_send(payees)) || sha256(array_send(refs))
        || sha256(array_send(entries)) || sha256(array_send(accounts)) || sha256(array_send(changes))
        || sha256(array_send(balances)) || sha256(array_send(holds)) || sha256(array_send(side1))
        || sha256(array_send(side2)) || sha256(array_send(side3)) || sha256(array_send(side4)) || sha256(array_send(expires))
    ELSE '' END
$$;
