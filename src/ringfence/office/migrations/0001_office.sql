-- The ring whose books are in this store, as its file was given: one store, one ring.
CREATE TABLE ring (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    name text NOT NULL,
    text text NOT NULL,
    made timestamptz NOT NULL DEFAULT clock_timestamp()
);
