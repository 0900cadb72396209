-- Who may do what. Eight groups, which cannot log in; a login is given the groups that the ring says.
-- Nobody but the owner writes a table: there is no grant of INSERT, UPDATE, DELETE or TRUNCATE anywhere.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {ledger} FROM PUBLIC;
GRANT USAGE ON SCHEMA {ledger} TO ringfence_{ledger}_reads, ringfence_{ledger}_member;
GRANT SELECT ON ALL TABLES IN SCHEMA {ledger} TO ringfence_{ledger}_reads;
GRANT EXECUTE ON FUNCTION {ledger}.balances_as_known TO ringfence_{ledger}_reads;
GRANT EXECUTE ON FUNCTION {ledger}.post TO ringfence_{ledger}_posts;
GRANT EXECUTE ON FUNCTION {ledger}.give, {ledger}.revoke TO ringfence_{ledger}_grants;
GRANT EXECUTE ON FUNCTION {ledger}.register, {ledger}.bind TO ringfence_{ledger}_registers;
GRANT EXECUTE ON FUNCTION {ledger}.confirm TO ringfence_{ledger}_confirms;
GRANT EXECUTE ON FUNCTION {ledger}.open_day, {ledger}.close_day, {ledger}.expire TO ringfence_{ledger}_closes;
GRANT USAGE ON SCHEMA {ledger} TO ringfence_{ledger}_admits;
GRANT EXECUTE ON FUNCTION {ledger}.admit, {ledger}.dismiss TO ringfence_{ledger}_admits;

-- Who was granted to read some clients reads them, with their members; who shows the token of a visit, its own party. Either
-- executes nothing but the question who they are.
CREATE OR REPLACE FUNCTION {ledger}.readable() RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
    WITH RECURSIVE held AS (
        SELECT g.id, g.parent, g.scope, g.id AS leaf FROM grants AS g
        WHERE g.grantee = session_user AND g.power = 'read' AND g.ended IS NULL
            AND (SELECT day FROM head) BETWEEN g.valid_from AND coalesce(g.valid_until, 'infinity')
        UNION ALL SELECT g.id, g.parent, g.scope, held.leaf FROM held JOIN grants AS g ON g.id = held.parent
    )
    SELECT p.id FROM party AS p
    WHERE EXISTS (
        SELECT FROM held AS leaf WHERE leaf.id = leaf.leaf AND NOT EXISTS (
            SELECT FROM held AS h
            WHERE h.leaf = leaf.leaf AND h.scope IS NOT NULL AND h.scope <> p.id AND h.scope IS DISTINCT FROM p.member
                AND NOT EXISTS (SELECT FROM group_member AS m WHERE m.name = h.scope AND m.party IN (p.id, p.member))))
    UNION ALL SELECT v.party FROM visit AS v
    WHERE v.digest = sha256(convert_to(current_setting('ringfence.visit', true), 'UTF8')) AND v.until > clock_timestamp()
$$;
REVOKE ALL ON FUNCTION {ledger}.readable FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {ledger}.readable TO ringfence_{ledger}_member;
GRANT SELECT ON {ledger}.unit, {ledger}.kind, {ledger}.route, {ledger}.party, {ledger}.account, {ledger}.grants,
{ledger}.binding, {ledger}.posting, {ledger}.entry, {ledger}.hold, {ledger}.journal, {ledger}.balances, {ledger}.member_total
TO ringfence_{ledger}_member;
-- When it was recorded, and on which booking day; not how much else was.
GRANT SELECT (id, recorded_at, day) ON {ledger}.batch TO ringfence_{ledger}_member;
-- What a visit's token is, or was, is nobody's to read.
REVOKE SELECT ON {ledger}.visit FROM ringfence_{ledger}_reads;

ALTER TABLE {ledger}.batch ENABLE ROW LEVEL SECURITY;
ALTER TABLE {ledger}.party ENABLE ROW LEVEL SECURITY;
ALTER TABLE {ledger}.account ENABLE ROW LEVEL SECURITY;
ALTER TABLE {ledger}.grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE {ledger}.posting ENABLE ROW LEVEL SECURITY;
ALTER TABLE {ledger}.entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE {ledger}.hold ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS staff ON {ledger}.batch;
DROP POLICY IF EXISTS staff ON {ledger}.party;
DROP POLICY IF EXISTS staff ON {ledger}.account;
DROP POLICY IF EXISTS staff ON {ledger}.grants;
DROP POLICY IF EXISTS staff ON {ledger}.posting;
DROP POLICY IF EXISTS staff ON {ledger}.entry;
DROP POLICY IF EXISTS staff ON {ledger}.hold;
CREATE POLICY staff ON {ledger}.batch FOR SELECT TO ringfence_{ledger}_reads USING (true);
CREATE POLICY staff ON {ledger}.party FOR SELECT TO ringfence_{ledger}_reads USING (true);
CREATE POLICY staff ON {ledger}.account FOR SELECT TO ringfence_{ledger}_reads USING (true);
CREATE POLICY staff ON {ledger}.grants FOR SELECT TO ringfence_{ledger}_reads USING (true);
CREATE POLICY staff ON {ledger}.posting FOR SELECT TO ringfence_{ledger}_reads USING (true);
CREATE POLICY staff ON {ledger}.entry FOR SELECT TO ringfence_{ledger}_reads USING (true);
CREATE POLICY staff ON {ledger}.hold FOR SELECT TO ringfence_{ledger}_reads USING (true);

DROP POLICY IF EXISTS own_clients ON {ledger}.batch;
DROP POLICY IF EXISTS own_clients ON {ledger}.party;
DROP POLICY IF EXISTS own_clients ON {ledger}.account;
DROP POLICY IF EXISTS own_clients ON {ledger}.grants;
DROP POLICY IF EXISTS own_clients ON {ledger}.posting;
DROP POLICY IF EXISTS own_clients ON {ledger}.entry;
DROP POLICY IF EXISTS own_clients ON {ledger}.hold;
CREATE POLICY own_clients ON {ledger}.batch FOR SELECT TO ringfence_{ledger}_member
USING (EXISTS (
    SELECT FROM {ledger}.posting AS p WHERE p.id >= batch.first_posting AND p.id < batch.first_posting + batch.postings));
CREATE POLICY own_clients ON {ledger}.party FOR SELECT TO ringfence_{ledger}_member
USING (id IN (SELECT {ledger}.readable()));
CREATE POLICY own_clients ON {ledger}.account FOR SELECT TO ringfence_{ledger}_member
USING (owner IN (SELECT party.id FROM {ledger}.party));
CREATE POLICY own_clients ON {ledger}.grants FOR SELECT TO ringfence_{ledger}_member
USING (scope IN (SELECT party.id FROM {ledger}.party));
CREATE POLICY own_clients ON {ledger}.posting FOR SELECT TO ringfence_{ledger}_member
USING (subject IN (SELECT party.id FROM {ledger}.party));
CREATE POLICY own_clients ON {ledger}.entry FOR SELECT TO ringfence_{ledger}_member
USING (account IN (SELECT account.id FROM {ledger}.account));
CREATE POLICY own_clients ON {ledger}.hold FOR SELECT TO ringfence_{ledger}_member
USING (side1 IN (SELECT account.id FROM {ledger}.account));
