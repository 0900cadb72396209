-- What one institution keeps of its correspondence: whose signature it takes for whose, and the letters it acted upon.

-- By which key another institution signs, and where it answers. A key that ended still proves what it signed before.
CREATE TABLE correspondent (
    party text NOT NULL CHECK (length(party) BETWEEN 1 AND 100),
    public_key bytea NOT NULL CHECK (length(public_key) = 32),
    address text NOT NULL DEFAULT '' CHECK (length(address) <= 500),
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended timestamptz,
    PRIMARY KEY (party, public_key)
);
CREATE UNIQUE INDEX correspondent_current ON correspondent (party) WHERE ended IS NULL;

-- A letter that was acted upon, in its very words. `number` is what its sender numbers it by, or of a report the batch up to which it
-- tells: it never falls, so that none can be brought in after a later one. Rows are added; the answer is written once.
CREATE TABLE letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    sender text NOT NULL,
    kind text NOT NULL,
    number bigint NOT NULL CHECK (number >= 0),
    words text NOT NULL,
    public_key bytea NOT NULL,
    signature bytea NOT NULL CHECK (length(signature) = 64),
    kept_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    answer text,
    FOREIGN KEY (sender, public_key) REFERENCES correspondent
);
CREATE INDEX letter_newest ON letter (sender, kind, number);

-- What this institution numbers its own letters by.
CREATE SEQUENCE written;

-- Keep a letter before acting upon it: `kept`; `again`, where it was kept before; `late`, where one that was written after it was.
-- Sender, kind and number are taken from the words that were signed.
CREATE FUNCTION keep(words text, public_key bytea, signature bytea) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
DECLARE
    said jsonb := split_part(keep.words, E'\n', 2)::jsonb;
    numbered bigint := coalesce(said -> 'content' ->> 'number', said -> 'content' ->> 'through', '0')::bigint;
    named bytea := sha256(convert_to(keep.words, 'UTF8'));
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('{ledger} ' || (said ->> 'from'), 0));
    IF EXISTS (SELECT FROM letter AS l WHERE l.digest = named) THEN
        RETURN 'again';
    END IF;
    IF EXISTS (SELECT FROM letter AS l WHERE l.sender = said ->> 'from' AND l.kind = said ->> 'kind' AND l.number > numbered) THEN
        RETURN 'late';
    END IF;
    INSERT INTO letter (digest, sender, kind, number, words, public_key, signature)
    VALUES (named, said ->> 'from', said ->> 'kind', numbered, keep.words, keep.public_key, keep.signature);
    RETURN 'kept';
END
$$;

-- Write down what was answered, once, and return what was answered first.
CREATE FUNCTION answer(digest bytea, said text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
BEGIN
    UPDATE letter AS l SET answer = answer.said WHERE l.digest = answer.digest AND l.answer IS NULL;
    RETURN (SELECT l.answer FROM letter AS l WHERE l.digest = answer.digest);
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {ledger} FROM PUBLIC;
GRANT USAGE ON SCHEMA {ledger} TO ringfence_{ledger}_reads, ringfence_{ledger}_keeps;
GRANT SELECT ON correspondent, letter TO ringfence_{ledger}_reads, ringfence_{ledger}_keeps;
GRANT EXECUTE ON FUNCTION keep, answer TO ringfence_{ledger}_keeps;
GRANT USAGE ON SEQUENCE written TO ringfence_{ledger}_keeps;
