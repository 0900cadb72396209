-- What clients ask of the exchange, in their own signed words, and what its persons did about it. No money moves here: once
-- the persons have done theirs, the ledger's own functions carry it out, under the very key that the client signed.

-- With which key a client signs. A key is one client's for ever; a client has one at a time.
CREATE TABLE client_key (
    public_key bytea PRIMARY KEY CHECK (length(public_key) = 32),
    client text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended timestamptz
);
CREATE UNIQUE INDEX client_key_current ON client_key (client) WHERE ended IS NULL;

-- A withdrawal that was asked for: the words that were signed, the key, the signature. Rows are added and never changed.
CREATE TABLE withdrawal (
    key text COLLATE "C" PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 200),
    client text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor BETWEEN 1 AND 1000000000000000),
    payee text NOT NULL CHECK (length(payee) BETWEEN 1 AND 200),
    public_key bytea NOT NULL REFERENCES client_key,
    signature bytea NOT NULL CHECK (length(signature) = 64),
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE
);
CREATE INDEX withdrawal_of_client ON withdrawal (client, number);

-- What a person did about it, and what it saw. One person does one thing about one withdrawal: who has audited it cannot be
-- the second person too.
CREATE TABLE step (
    withdrawal text COLLATE "C" NOT NULL REFERENCES withdrawal,
    step text NOT NULL CHECK (step IN ('audited', 'approved', 'refused')),
    person text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen jsonb NOT NULL,
    PRIMARY KEY (withdrawal, step),
    CONSTRAINT step_by_another_person UNIQUE (withdrawal, person)
);

-- Why it was not carried out although the persons let it pass: the ledger, or the audit a moment later, refused.
CREATE TABLE stopped (
    withdrawal text COLLATE "C" PRIMARY KEY REFERENCES withdrawal,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    reason_en text NOT NULL,
    reason_zh text NOT NULL
);

-- Nobody has refused it, nothing has stopped it, and it is not held or posted.
CREATE VIEW undecided WITH (security_invoker = true) AS
SELECT w.* FROM withdrawal AS w
LEFT JOIN exchange.posting AS p ON p.key = w.key
LEFT JOIN stopped AS x ON x.withdrawal = w.key
LEFT JOIN step AS r ON r.withdrawal = w.key AND r.step = 'refused'
WHERE p.id IS NULL AND x.withdrawal IS NULL AND r.withdrawal IS NULL;

-- A client asks through the window, for itself: for whoever the token of its visit stands for.
CREATE FUNCTION ask(key text, client text, amount_minor bigint, payee text, public_key bytea, signature bytea) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
DECLARE
    before withdrawal;
BEGIN
    IF NOT EXISTS (SELECT FROM exchange.party AS p WHERE p.name = ask.client AND p.role = 'client'
            AND p.id IN (SELECT exchange.readable())) THEN
        RETURN 'client';
    END IF;
    IF NOT EXISTS (SELECT FROM client_key AS k WHERE k.public_key = ask.public_key AND k.client = ask.client AND k.ended IS NULL) THEN
        RETURN 'public-key';
    END IF;
    SELECT * INTO before FROM withdrawal AS w WHERE w.key = ask.key;
    IF before.key IS NOT NULL THEN
        RETURN CASE WHEN (before.client, before.amount_minor, before.payee) = (ask.client, ask.amount_minor, ask.payee)
            THEN 'replayed' ELSE 'key' END;
    END IF;
    INSERT INTO withdrawal (key, client, amount_minor, payee, public_key, signature)
    VALUES (ask.key, ask.client, ask.amount_minor, ask.payee, ask.public_key, ask.signature);
    RETURN 'asked';
END
$$;

-- What a person does: audit first, then approve, and refuse while it is undecided. Nobody calls this; whoever may do a step
-- calls the function of its name.
CREATE FUNCTION take_step(key text, step text, person text, seen jsonb) RETURNS text
LANGUAGE plpgsql SET search_path = {ledger}, pg_temp AS $$
DECLARE
    taken text [];
BEGIN
    PERFORM FROM withdrawal AS w WHERE w.key = take_step.key FOR UPDATE;
    taken := ARRAY(SELECT s.step FROM step AS s WHERE s.withdrawal = take_step.key);
    IF take_step.step = 'approved' AND 'audited' <> ALL (taken) THEN
        RETURN 'not-audited';
    END IF;
    IF taken && '{approved, refused}' OR take_step.step = 'audited' AND taken <> '{}'
        OR NOT EXISTS (SELECT FROM undecided AS u WHERE u.key = take_step.key) THEN
        RETURN 'done';
    END IF;
    IF EXISTS (SELECT FROM step AS s WHERE s.withdrawal = take_step.key AND s.person = take_step.person) THEN
        RETURN 'same-person';
    END IF;
    INSERT INTO step (withdrawal, step, person, seen) VALUES (take_step.key, take_step.step, take_step.person, take_step.seen);
    RETURN take_step.step;
END
$$;

-- The first person: the clerk's login.
CREATE FUNCTION audit(withdrawal text, person text, seen jsonb) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
    SELECT take_step(audit.withdrawal, 'audited', audit.person, audit.seen)
$$;

-- The second person: the officer's login, and another person than the first.
CREATE FUNCTION approve(withdrawal text, person text, seen jsonb) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
    SELECT take_step(approve.withdrawal, 'approved', approve.person, approve.seen)
$$;

-- Either of them.
CREATE FUNCTION refuse(withdrawal text, person text, seen jsonb) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
    SELECT take_step(refuse.withdrawal, 'refused', refuse.person, refuse.seen)
$$;

-- What could not be carried out, and why: the clerk's login, which carries out.
CREATE FUNCTION stop(withdrawal text, reason_en text, reason_zh text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
    INSERT INTO stopped (withdrawal, reason_en, reason_zh) VALUES (stop.withdrawal, stop.reason_en, stop.reason_zh)
    ON CONFLICT DO NOTHING
$$;

-- The registrar says with which key a client signs from now on; the one before ends.
CREATE FUNCTION register_key(client text, public_key bytea) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {ledger}, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM exchange.party AS p WHERE p.name = register_key.client AND p.role = 'client') THEN
        RETURN 'client';
    END IF;
    IF EXISTS (SELECT FROM client_key AS k WHERE k.public_key = register_key.public_key) THEN
        RETURN CASE WHEN EXISTS (SELECT FROM client_key AS k WHERE k.public_key = register_key.public_key
            AND k.client = register_key.client AND k.ended IS NULL) THEN 'registered' ELSE 'taken' END;
    END IF;
    UPDATE client_key AS k SET ended = clock_timestamp() WHERE k.client = register_key.client AND k.ended IS NULL;
    INSERT INTO client_key (public_key, client) VALUES (register_key.public_key, register_key.client);
    RETURN 'registered';
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {ledger} FROM PUBLIC;
GRANT USAGE ON SCHEMA {ledger} TO ringfence_exchange_reads, ringfence_exchange_member;
GRANT EXECUTE ON FUNCTION ask TO ringfence_exchange_window;
GRANT EXECUTE ON FUNCTION audit, refuse, stop TO ringfence_exchange_clerk;
GRANT EXECUTE ON FUNCTION approve, refuse TO ringfence_exchange_officer;
GRANT EXECUTE ON FUNCTION register_key TO ringfence_exchange_registrar;
GRANT SELECT ON client_key, withdrawal, step, stopped, undecided TO ringfence_exchange_reads, ringfence_exchange_member;

ALTER TABLE client_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE withdrawal ENABLE ROW LEVEL SECURITY;
ALTER TABLE step ENABLE ROW LEVEL SECURITY;
ALTER TABLE stopped ENABLE ROW LEVEL SECURITY;
CREATE POLICY staff ON client_key FOR SELECT TO ringfence_exchange_reads USING (true);
CREATE POLICY staff ON withdrawal FOR SELECT TO ringfence_exchange_reads USING (true);
CREATE POLICY staff ON step FOR SELECT TO ringfence_exchange_reads USING (true);
CREATE POLICY staff ON stopped FOR SELECT TO ringfence_exchange_reads USING (true);
CREATE POLICY own_clients ON client_key FOR SELECT TO ringfence_exchange_member
USING (client IN (SELECT party.name FROM exchange.party));
CREATE POLICY own_clients ON withdrawal FOR SELECT TO ringfence_exchange_member
USING (client IN (SELECT party.name FROM exchange.party));
CREATE POLICY own_clients ON step FOR SELECT TO ringfence_exchange_member
USING (withdrawal IN (SELECT w.key FROM {ledger}.withdrawal AS w));
CREATE POLICY own_clients ON stopped FOR SELECT TO ringfence_exchange_member
USING (withdrawal IN (SELECT w.key FROM {ledger}.withdrawal AS w));
