-- Who may do what. Six groups, which cannot log in; a login is given the groups that the ring says.
-- Nobody but the owner writes a table: there is no grant of INSERT, UPDATE, DELETE or TRUNCATE anywhere.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {ledger} FROM PUBLIC;
GRANT USAGE ON SCHEMA {ledger} TO ringfence_{ledger}_reads, ringfence_{ledger}_member;
GRANT SELECT ON ALL TABLES IN SCHEMA {ledger} TO ringfence_{ledger}_reads;
GRANT EXECUTE ON FUNCTION {ledger}.post TO ringfence_{ledger}_posts;
GRANT EXECUTE ON FUNCTION {ledger}.give, {ledger}.revoke TO ringfence_{ledger}_grants;
GRANT EXECUTE ON FUNCTION {ledger}.register TO ringfence_{ledger}_registers;
GRANT EXECUTE ON FUNCTION {ledger}.open_day, {ledger}.close_day TO ringfence_{ledger}_closes;

-- A member reads its own clients and executes nothing but the question who it is.
CREATE OR REPLACE FUNCTION {ledger}.reading_member() RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
    SELECT id FROM party WHERE role = 'member' AND session_user = 'ringfence_{ledger}_member_' || replace(name, '-', '_')
$$;
REVOKE ALL ON FUNCTION {ledger}.reading_member FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {ledger}.reading_member TO ringfence_{ledger}_member;
GRANT SELECT ON {ledger}.unit, {ledger}.kind, {ledger}.route, {ledger}.party, {ledger}.account, {ledger}.binding,
{ledger}.posting, {ledger}.entry, {ledger}.hold, {ledger}.journal, {ledger}.balances, {ledger}.member_total
TO ringfence_{ledger}_member;

ALTER TABLE {ledger}.party ENABLE ROW LEVEL SECURITY;
ALTER TABLE {ledger}.account ENABLE ROW LEVEL SECURITY;
ALTER TABLE {ledger}.binding ENABLE ROW LEVEL SECURITY;
ALTER TABLE {ledger}.posting ENABLE ROW LEVEL SECURITY;
ALTER TABLE {ledger}.entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE {ledger}.hold ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS staff ON {ledger}.party;
DROP POLICY IF EXISTS staff ON {ledger}.account;
DROP POLICY IF EXISTS staff ON {ledger}.binding;
DROP POLICY IF EXISTS staff ON {ledger}.posting;
DROP POLICY IF EXISTS staff ON {ledger}.entry;
DROP POLICY IF EXISTS staff ON {ledger}.hold;
CREATE POLICY staff ON {ledger}.party FOR SELECT TO ringfence_{ledger}_reads USING (true);
CREATE POLICY staff ON {ledger}.account FOR SELECT TO ringfence_{ledger}_reads USING (true);
CREATE POLICY staff ON {ledger}.binding FOR SELECT TO ringfence_{ledger}_reads USING (true);
CREATE POLICY staff ON {ledger}.posting FOR SELECT TO ringfence_{ledger}_reads USING (true);
CREATE POLICY staff ON {ledger}.entry FOR SELECT TO ringfence_{ledger}_reads USING (true);
CREATE POLICY staff ON {ledger}.hold FOR SELECT TO ringfence_{ledger}_reads USING (true);

DROP POLICY IF EXISTS own_clients ON {ledger}.party;
DROP POLICY IF EXISTS own_clients ON {ledger}.account;
DROP POLICY IF EXISTS own_clients ON {ledger}.binding;
DROP POLICY IF EXISTS own_clients ON {ledger}.posting;
DROP POLICY IF EXISTS own_clients ON {ledger}.entry;
DROP POLICY IF EXISTS own_clients ON {ledger}.hold;
CREATE POLICY own_clients ON {ledger}.party FOR SELECT TO ringfence_{ledger}_member
USING ((SELECT {ledger}.reading_member()) IN (id, member));
CREATE POLICY own_clients ON {ledger}.account FOR SELECT TO ringfence_{ledger}_member
USING (owner IN (SELECT party.id FROM {ledger}.party));
CREATE POLICY own_clients ON {ledger}.binding FOR SELECT TO ringfence_{ledger}_member
USING (client IN (SELECT party.id FROM {ledger}.party));
CREATE POLICY own_clients ON {ledger}.posting FOR SELECT TO ringfence_{ledger}_member
USING (subject IN (SELECT party.id FROM {ledger}.party));
CREATE POLICY own_clients ON {ledger}.entry FOR SELECT TO ringfence_{ledger}_member
USING (account IN (SELECT account.id FROM {ledger}.account));
CREATE POLICY own_clients ON {ledger}.hold FOR SELECT TO ringfence_{ledger}_member
USING (side1 IN (SELECT account.id FROM {ledger}.account));
