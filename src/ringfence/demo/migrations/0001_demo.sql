-- What the demonstration remembers: that it made these books, with which wishes, and how each day went.
CREATE TABLE run (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    days integer NOT NULL,
    clients integer NOT NULL,
    seed integer NOT NULL,
    finished boolean NOT NULL DEFAULT false
);

-- A day's wishes are written down before the first of them is carried out, so that a killed run goes on with the same.
CREATE TABLE script (
    day date PRIMARY KEY,
    wishes jsonb NOT NULL
);

CREATE TABLE lived (
    day date PRIMARY KEY REFERENCES script,
    refused integer NOT NULL,
    checks integer NOT NULL,
    failures integer NOT NULL,
    transit_nonzero integer NOT NULL,
    microseconds bigint NOT NULL
);
