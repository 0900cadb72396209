-- Every call: who asked what, from where, and how it was answered. Rows are added by a login that can do nothing else; they are read
-- by another; nobody changes or removes them.
CREATE TABLE call (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    -- Nobody, where no token was shown or none that is known.
    person text,
    address text NOT NULL,
    method text NOT NULL,
    -- Without what was asked for in it: a query may tell more than is to be kept.
    path text NOT NULL CHECK (length(path) <= 300),
    status smallint NOT NULL,
    milliseconds integer NOT NULL,
    -- The Idempotency-Key of a write.
    key text
);
CREATE INDEX call_of_person ON call (person, id);

GRANT USAGE ON SCHEMA {ledger} TO ringfence_access_writes_calls, ringfence_access_reads_calls;
GRANT INSERT ON call TO ringfence_access_writes_calls;
GRANT SELECT ON call TO ringfence_access_reads_calls;
