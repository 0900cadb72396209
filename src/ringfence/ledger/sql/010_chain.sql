-- The chain: the link of a batch hashes the link before it, the batch's own line and a digest of everything it wrote.
CREATE OR REPLACE FUNCTION {ledger}.seal(
    what text, login name, postings integer, digests bytea,
    source integer DEFAULT NULL, source_batch bigint DEFAULT NULL, opens date DEFAULT NULL, closes date DEFAULT NULL,
    document text DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql SET search_path = {ledger}, pg_temp AS $$
DECLARE
    at CONSTANT timestamptz := clock_timestamp();
    before head;
    booked date;
    new_link bytea;
BEGIN
    SELECT * INTO STRICT before FROM head FOR UPDATE;
    booked := coalesce(seal.opens, before.day);
    new_link := sha256(before.link || digests || convert_to(concat_ws('|',
        before.batch + 1, seal.what, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), booked, seal.login,
        before.posting + 1, seal.postings, coalesce(seal.source, 0), coalesce(seal.source_batch, 0),
        coalesce(seal.closes::text, '-'), encode(sha256(convert_to(coalesce(seal.document, ''), 'UTF8')), 'hex')), 'UTF8'));
    INSERT INTO batch VALUES (before.batch + 1, seal.what, at, booked, seal.login, before.posting + 1, seal.postings,
        seal.source, seal.source_batch, seal.closes, seal.document, new_link);
    UPDATE head SET batch = before.batch + 1, posting = before.posting + seal.postings, link = new_link, day = booked,
        closed_through = coalesce(seal.closes, before.closed_through);
    RETURN before.batch + 1;
END
$$;
