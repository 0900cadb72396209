-- What clients have asked for, each through its own session: papers in the hands of whoever must look at them. Nothing is changed
-- later: that a wish was carried out stands in the ledger, under a key that names it.
CREATE TABLE wish (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    client text NOT NULL,
    book text NOT NULL,
    route text NOT NULL,
    -- As which paper it counts.
    proof text NOT NULL,
    unit text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0)
);

-- And what will not be done, by whom and why.
CREATE TABLE declined (
    wish bigint PRIMARY KEY REFERENCES wish,
    by text NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 300),
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);

ALTER TABLE wish ENABLE ROW LEVEL SECURITY;
ALTER TABLE declined ENABLE ROW LEVEL SECURITY;
CREATE POLICY staff ON wish FOR SELECT TO ringfence_office_reads, ringfence_office_declines USING (true);
CREATE POLICY staff ON declined FOR SELECT TO ringfence_office_reads, ringfence_office_declines USING (true);
CREATE POLICY declines ON declined FOR INSERT TO ringfence_office_declines WITH CHECK (true);
GRANT USAGE ON SCHEMA {ledger} TO ringfence_office_reads, ringfence_office_declines;
GRANT SELECT ON ring, wish, declined TO ringfence_office_reads;
GRANT INSERT ON declined TO ringfence_office_declines;
