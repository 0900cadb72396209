-- Who may come in, and as what. A person is never deleted: it ends, and what it did keeps its name.
CREATE TABLE person (
    name text PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 100),
    role text NOT NULL CHECK (role IN ('exchange', 'bank', 'member', 'client', 'supervisor')),
    -- Of which institution; a client is its own.
    party text NOT NULL,
    -- What a person of the exchange does about withdrawals: look at them first, or second; never both. Else it reads.
    duty text CHECK (duty IS NULL OR duty IN ('clerk', 'officer') AND role = 'exchange'),
    -- What the password's scrypt hash is, with its salt; the password itself is nowhere.
    secret text NOT NULL,
    made timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended timestamptz
);

-- Who is in. The token is the person's alone: only a digest of it is kept.
CREATE TABLE session (
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    person text NOT NULL REFERENCES person,
    until timestamptz NOT NULL
);
CREATE INDEX session_until ON session (until);

GRANT USAGE ON SCHEMA {ledger} TO ringfence_access_door;
GRANT SELECT ON person TO ringfence_access_door;
GRANT SELECT, INSERT, DELETE ON session TO ringfence_access_door;
