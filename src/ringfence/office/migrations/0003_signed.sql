-- With which key a client signs, as the registrar of a book says: the last one that was registered. Nothing is changed or removed.
CREATE TABLE client_key (
    id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    book text NOT NULL,
    client text NOT NULL,
    public_key bytea NOT NULL CHECK (length(public_key) = 32),
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- A key is one client's for ever.
    PRIMARY KEY (book, public_key)
);
CREATE INDEX client_key_of_client ON client_key (book, client, id);

-- What was signed, and the signature; a wish from before has none, and nobody can take it up.
ALTER TABLE wish ADD COLUMN payee text NOT NULL DEFAULT '';
ALTER TABLE wish ADD COLUMN key text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE wish ADD COLUMN public_key bytea NOT NULL DEFAULT '';
ALTER TABLE wish ADD COLUMN signature bytea NOT NULL DEFAULT '';
CREATE UNIQUE INDEX wish_key ON wish (book, route, client, key) WHERE key <> '';

ALTER TABLE client_key ENABLE ROW LEVEL SECURITY;
CREATE POLICY staff ON client_key FOR SELECT TO ringfence_office_reads USING (true);
GRANT SELECT ON client_key TO ringfence_office_reads;
