-- One ledger is one schema. Its owner owns everything in it and cannot log in; whoever logs in may read what the
-- privileges say and write through the functions alone.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- == what is declared ===================================================================================================

CREATE TABLE unit (
    id smallint PRIMARY KEY,
    code text NOT NULL UNIQUE
);

-- What is enforced on an account follows from its kind alone: no account can be exempt.
CREATE TABLE kind (
    id smallint PRIMARY KEY,
    name text NOT NULL UNIQUE,
    owner_role text NOT NULL,
    invariant text NOT NULL CHECK (invariant IN ('zero', 'non-negative', 'non-positive', 'free')),
    -- At most one account of an owner in a unit.
    one_per_owner boolean NOT NULL,
    -- Must be zero when a day is closed.
    zero_at_close boolean NOT NULL,
    -- What a balance must at least be when all that is held has gone out, and at most when all has come in.
    at_least bigint NOT NULL GENERATED ALWAYS AS (
        CASE WHEN invariant IN ('zero', 'non-negative') THEN 0 ELSE -4000000000000000000 END) STORED,
    at_most bigint NOT NULL GENERATED ALWAYS AS (
        CASE WHEN invariant IN ('zero', 'non-positive') THEN 0 ELSE 4000000000000000000 END) STORED,
    UNIQUE (id, at_least, at_most, one_per_owner)
);

-- A route is a path of two to four kinds, with what must hold on it and who may walk it.
CREATE TABLE route (
    id smallint PRIMARY KEY,
    name text NOT NULL UNIQUE,
    path smallint [] NOT NULL CHECK (cardinality(path) BETWEEN 2 AND 4),
    -- Every account of a client is the subject's; of a member, the subject's member's.
    same_client boolean NOT NULL,
    own_member boolean NOT NULL,
    -- The payee is the account that the subject registered, at the bank on the path.
    registered_account boolean NOT NULL,
    -- Only in a batch that takes over a batch of the bank on the path.
    bank_confirmed boolean NOT NULL,
    -- First held, by whoever asks; then posted or released, by whoever finishes. Logins of this server, and the only
    -- ones to which it can be granted; `under` is the login from which the asker has its grant, if not from the ring.
    held boolean NOT NULL,
    asks name NOT NULL,
    finishes name,
    under name,
    -- How many days the value date may be before and after the booking day.
    back_days smallint NOT NULL CHECK (back_days >= 0),
    ahead_days smallint NOT NULL CHECK (ahead_days >= 0),
    -- The route on which something was posted that is reversed here, once.
    reverses smallint REFERENCES route,
    CHECK (held = (finishes IS NOT NULL)),
    CHECK (NOT held OR reverses IS NULL)
);

-- == who takes part =====================================================================================================

CREATE TABLE party (
    id integer PRIMARY KEY,
    name text NOT NULL UNIQUE,
    role text NOT NULL,
    member integer REFERENCES party,
    -- A digest of what proves who it is, the same at every institution.
    identity text,
    -- What people call it, where that is not its name.
    title text
);

-- Who is in a named group of parties.
CREATE TABLE group_member (
    name integer REFERENCES party,
    party integer REFERENCES party,
    PRIMARY KEY (name, party)
);
CREATE INDEX group_member_party ON group_member (party);

-- Authority: who lets whom do what, for whom, how far and how long. One never exceeds the one above it, and none is changed:
-- it ends, and another is given. (GRANT is a word of SQL, hence the plural.) Powers: ask and finish on a route; read;
-- and account, by which a client pays in from and is paid to the one account at one bank that both institutions confirmed.
CREATE TABLE grants (
    id integer PRIMARY KEY,
    parent integer REFERENCES grants,
    -- Logins; the grantor of the first in a chain is the ledger's owner, who speaks for the declaration. A client has its
    -- account by its own name.
    grantor text NOT NULL,
    grantee text NOT NULL,
    power text NOT NULL CHECK (power IN ('ask', 'finish', 'read', 'account')),
    route smallint REFERENCES route,
    -- For whom: a client, a member with its clients, or a group; NULL: for everybody. And for one instruction alone.
    scope integer REFERENCES party,
    key text COLLATE "C",
    -- Caps, in the unit's minor part; NULL: none. A period is that many booking days up to today; exposure is what is
    -- held and not finished.
    per_item bigint CHECK (per_item > 0),
    per_day bigint CHECK (per_day > 0),
    per_period bigint CHECK (per_period > 0),
    period_days integer CHECK (period_days > 1),
    exposure bigint CHECK (exposure > 0),
    -- The account, where that is what is granted; and how many booking days a change of it waits.
    bank integer REFERENCES party,
    payee text,
    cool_off_days integer CHECK (cool_off_days >= 0),
    -- Booking days, both included.
    valid_from date NOT NULL,
    valid_until date,
    -- The batches that gave and ended it, and in which the other institution confirmed an account.
    given bigint NOT NULL,
    confirmed bigint,
    ended bigint,
    -- Under it and not finished, counted where there is a cap.
    outstanding bigint NOT NULL DEFAULT 0 CHECK (outstanding >= 0),
    CHECK ((power IN ('ask', 'finish')) = (route IS NOT NULL)),
    CHECK ((power = 'account' AND parent IS NOT NULL) = (payee IS NOT NULL) AND (payee IS NULL) = (bank IS NULL)),
    CHECK ((power = 'account') = (cool_off_days IS NOT NULL) AND (confirmed IS NULL OR payee IS NOT NULL)),
    CHECK ((per_period IS NULL) = (period_days IS NULL)),
    CHECK (valid_until >= valid_from)
);
-- One account, one client; and one that is waiting to be confirmed.
CREATE UNIQUE INDEX grants_account_of_client ON grants (scope)
WHERE power = 'account' AND ended IS NULL AND confirmed IS NOT NULL;
CREATE UNIQUE INDEX grants_client_of_account ON grants (payee)
WHERE power = 'account' AND ended IS NULL AND confirmed IS NOT NULL;
CREATE UNIQUE INDEX grants_account_waiting ON grants (scope) WHERE payee IS NOT NULL AND ended IS NULL AND confirmed IS NULL;
CREATE INDEX grants_standing ON grants (grantee, power, route) WHERE ended IS NULL AND key IS NULL;
CREATE INDEX grants_below ON grants (parent);
CREATE INDEX grants_reading ON grants (grantee) WHERE power = 'read' AND ended IS NULL;
CREATE UNIQUE INDEX grants_for_one_instruction ON grants (key) WHERE key IS NOT NULL AND ended IS NULL;

-- What was carried out under a capped grant on a booking day, less what of it was released.
CREATE TABLE grant_use (
    under integer REFERENCES grants,
    day date,
    used bigint NOT NULL CHECK (used >= 0),
    PRIMARY KEY (under, day)
);

CREATE TABLE account (
    id bigint PRIMARY KEY,
    kind smallint NOT NULL,
    at_least bigint NOT NULL,
    at_most bigint NOT NULL,
    one_per_owner boolean NOT NULL,
    owner integer NOT NULL REFERENCES party,
    unit smallint NOT NULL REFERENCES unit,
    -- The number under which a bank's client knows it.
    number text UNIQUE,
    -- Which one of its owner's it is; and the grant that it was opened under, with which it ends.
    ordinal smallint NOT NULL DEFAULT 1 CHECK (ordinal >= 1),
    under integer REFERENCES grants,
    lives_until date,
    -- What the entries add up to, and what open holds will take out of it and bring into it. In the unit's minor part.
    balance bigint NOT NULL DEFAULT 0,
    held_out bigint NOT NULL DEFAULT 0 CHECK (held_out >= 0),
    held_in bigint NOT NULL DEFAULT 0 CHECK (held_in >= 0),
    UNIQUE (kind, owner, unit, ordinal),
    FOREIGN KEY (kind, at_least, at_most, one_per_owner) REFERENCES kind (id, at_least, at_most, one_per_owner),
    CONSTRAINT account_is_the_only_one CHECK (NOT one_per_owner OR ordinal = 1),
    CONSTRAINT account_keeps_its_bounds CHECK (balance - held_out >= at_least AND balance + held_in <= at_most)
) WITH (fillfactor = 50);

-- == what has happened ==================================================================================================

-- Writers take this row first, so there is one writer at a time and the chain cannot fork.
CREATE TABLE head (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    batch bigint NOT NULL,
    posting bigint NOT NULL,
    link bytea NOT NULL,
    -- The booking day, on which everything is recorded that is written now; it only ever moves on.
    day date NOT NULL,
    closed_through date NOT NULL
);

-- One link of the chain: what a single commit wrote.
CREATE TABLE batch (
    id bigint PRIMARY KEY,
    what text NOT NULL CHECK (what IN ('declare', 'register', 'grant', 'bind', 'confirm', 'post', 'open', 'close')),
    recorded_at timestamptz NOT NULL,
    day date NOT NULL,
    login name NOT NULL,
    first_posting bigint NOT NULL,
    postings integer NOT NULL,
    -- A batch of another institution's book that this one takes over.
    source integer REFERENCES party,
    source_batch bigint,
    -- The day that this batch closes.
    closes date,
    -- What was declared, registered or granted, as it was given.
    document text,
    -- Under which an instruction that is not a posting was given; a posting has its own.
    key text COLLATE "C" UNIQUE,
    link bytea NOT NULL,
    CHECK ((source IS NULL) = (source_batch IS NULL))
);
CREATE INDEX batch_of_day ON batch (day, id);
CREATE INDEX batch_taken_over ON batch (source, source_batch) WHERE source IS NOT NULL;

-- An instruction that was carried out. Actions: 0 post, 1 hold, 2 post what is held, 3 release what is held, 4 release it
-- because it has expired.
CREATE TABLE posting (
    id bigint PRIMARY KEY,
    batch bigint NOT NULL,
    action smallint NOT NULL,
    route smallint NOT NULL,
    under integer NOT NULL,
    subject integer NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    -- The hold that it posts or releases, or the posting that it reverses; 0 where it does neither.
    about bigint NOT NULL,
    -- The first posting of the group with which it was carried out; 0 where it was alone.
    link bigint NOT NULL,
    key text COLLATE "C" NOT NULL,
    hash bytea NOT NULL,
    value_date date NOT NULL,
    payee text NOT NULL,
    ref text NOT NULL,
    CHECK (length(key) BETWEEN 1 AND 200 AND length(payee) <= 200 AND length(ref) <= 2000)
);
-- A key is used once, a posting is reversed once.
CREATE UNIQUE INDEX posting_key ON posting (key);
CREATE UNIQUE INDEX posting_reversed ON posting (about) WHERE action = 0 AND about <> 0;

-- id = posting * 8 + place on the path; balance is the account's after this entry.
CREATE TABLE entry (
    id bigint NOT NULL,
    account bigint NOT NULL,
    amount bigint NOT NULL,
    balance bigint NOT NULL,
    PRIMARY KEY (account, id)
);
CREATE INDEX entry_id ON entry USING brin (id) WITH (pages_per_range = 16);

-- What is held: the accounts on its path, the last booking day on which it can be posted, and what is left of it.
CREATE TABLE hold (
    id bigint PRIMARY KEY,
    side1 bigint NOT NULL,
    side2 bigint NOT NULL,
    side3 bigint NOT NULL,
    side4 bigint NOT NULL,
    expires date NOT NULL,
    rest bigint NOT NULL CHECK (rest >= 0)
);
CREATE INDEX hold_open ON hold (expires, id) WHERE rest > 0;

-- Who is looking through a login that many share: whoever shows the token of a visit reads what is its party's own, while
-- it lasts. Only a digest of the token is kept. No fact of the ledger, so not in its chain.
CREATE TABLE visit (
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    party integer NOT NULL REFERENCES party,
    until timestamptz NOT NULL
);

INSERT INTO head (batch, posting, link, day, closed_through) VALUES (0, 0, sha256('ringfence'), '0001-01-01', '0001-01-01');
