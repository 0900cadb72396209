-- Let a party in through the login that visitors share, until then: the digest of its token is kept. Expired visits go.
CREATE OR REPLACE FUNCTION {ledger}.admit(digest bytea, party text, until timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
BEGIN
    DELETE FROM visit AS v WHERE v.until < clock_timestamp();
    INSERT INTO visit (digest, party, until)
    SELECT admit.digest, p.id, admit.until FROM party AS p WHERE p.name = admit.party;
    RETURN found;
END
$$;

-- End a visit.
CREATE OR REPLACE FUNCTION {ledger}.dismiss(digest bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
    DELETE FROM visit AS v WHERE v.digest = dismiss.digest
$$;
