"""Take the kernel's safeties out one by one and see that a test fails each time.

A mutation is a piece of SQL and what stands there instead. Each runs on a copy of the source, against the tests of the
kernel; one that survives is a safety that nothing watches. Takes a few minutes: `make mutate`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
TESTS = (
    "tests/database/ledger/test_post.py",
    "tests/database/ledger/test_register.py",
    "tests/database/ledger/test_verify.py",
    "tests/database/ledger/test_privileges.py",
    "tests/property/ledger",
)
POST = "ledger/sql/020_post.sql"
SCHEMA = "ledger/migrations/0001_ledger.sql"


class Mutation(NamedTuple):
    """In `file`, `before` becomes `after`."""

    safety: str
    file: str
    before: str
    after: str


MUTATIONS = (
    Mutation("an amount is positive", POST, "(a BETWEEN 1 AND largest) IS NOT TRUE", "a > largest"),
    Mutation("an amount has a limit", POST, "(a BETWEEN 1 AND largest) IS NOT TRUE", "a < 1"),
    Mutation("only the asker asks", POST, "WHEN act IN (0, 1) THEN r_asks[r]", "WHEN act IN (0, 1) THEN true"),
    Mutation("only the finisher finishes", POST, "WHEN act IN (2, 3) THEN r_finishes[r]", "WHEN act IN (2, 3) THEN true"),
    Mutation("a held route goes by hold", POST, "((act <> 0) = r_held[r]) IS NOT TRUE", "false"),
    Mutation("the first account is of the route's kind", POST, "(a_kind[one] = r_kind1[r]) IS NOT TRUE", "false"),
    Mutation("the second account is of the route's kind", POST, "(a_kind[two] = r_kind2[r] AND one <> last) IS NOT TRUE", "false"),
    Mutation("the third account is of the route's kind", POST, "(r_kind3[r] = 0 OR a_kind[three] = r_kind3[r]) IS NOT TRUE", "false"),
    Mutation("the fourth account is of the route's kind", POST, "(r_kind4[r] = 0 OR a_kind[four] = r_kind4[r]) IS NOT TRUE", "false"),
    Mutation("no account beyond the path", POST, "(len < 3 AND three <> 0 OR len < 4 AND four <> 0) IS NOT FALSE", "false"),
    Mutation("the subject is registered", POST, "s_known[i] IS NOT TRUE", "false"),
    Mutation("units do not mix", POST, "a_unit[p] <> a_unit[one]", "false"),
    Mutation("the client is the same", POST, "r_client[r] AND a_owner[p] <> subjects[i]", "false"),
    Mutation("the member is the client's", POST, "r_member[r] AND a_owner[p] <> s_member[i]", "false"),
    Mutation("the payee's account is on the path", POST, "r_payee[r] AND a_number[p] <> payees[i]", "false"),
    Mutation("the bank is the registered one", POST, "r_payee[r] AND a_owner[p] <> s_bank[i]", "false"),
    Mutation("the payee is registered", POST, "r_payee[r] AND s_payee[i] IS NOT TRUE", "false"),
    Mutation("the bank has confirmed", POST, "AND (a_owner[p] = source) IS NOT TRUE", "AND false"),
    Mutation("a closed day is closed", POST, "(value_dates[i] > before.closed_through) IS NOT TRUE", "false"),
    Mutation("a hold is open", POST, "(h_number[i] > 0 AND NOT h_finished[h_number[i]]) IS NOT TRUE", "(h_number[i] > 0) IS NOT TRUE"),
    Mutation("a hold is finished as it was placed", POST, "h_same[i] IS NOT TRUE", "false"),
    Mutation("funds suffice", POST, "a_balance[one] - a_out[one] < a THEN", "a_balance[one] < a THEN"),
    Mutation("a ceiling is kept", POST, "a_balance[last] + a_in[last] + a > 0", "a_balance[last] + a > 0"),
    Mutation("a balance does not overflow", POST, "OR a_balance[last] + a_in[last] + a > fullest", ""),
    Mutation("a key is bound to its request", POST, "CASE WHEN p_same[i] THEN 1 ELSE 2 END", "1"),
    Mutation("a key in the batch is bound too", POST, "CASE WHEN hashes[i] = hashes[other] THEN 1 ELSE 2 END", "1"),
    Mutation("what is refused may be a replay", POST, "probe := NOT probed AND refused > 0 AND (", "probe := false AND ("),
    Mutation("arrays begin at one", POST, "AND array_dims(amounts) = dims", "AND cardinality(amounts) = n"),
    Mutation("only who confirms takes over", POST, "AND session_user IN (asks, finishes)", ""),
    Mutation("a hold counts against funds", POST, "a_out[one] := a_out[one] + a; a_in", "a_in"),
    Mutation("a run is zero when the day closes", "ledger/sql/050_close.sql", "kind.zero_at_close AND account.balance <> 0", "false"),
    Mutation("a path ends where money may stay", "ledger/sql/030_declare.sql", "(kind.invariant = 'zero') <> (at > 1 AND at < cardinality(path))", "false"),
    Mutation("an owner is of the kind's role", "ledger/sql/040_register.sql", "AND party.role = kind.owner_role", ""),
    Mutation("only a client is bound", "ledger/sql/040_register.sql", "WHERE name = b ->> 'client' AND role = 'client'", "WHERE name = b ->> 'client'"),
    Mutation("one account, one client", SCHEMA, "account_number text NOT NULL UNIQUE", "account_number text NOT NULL"),
    Mutation("functions are nobody's", SCHEMA, "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;", ""),
    Mutation("the chain hashes who", "ledger/sql/010_chain.sql", "seal.login,\n        before.posting", "'',\n        before.posting"),
    Mutation("the chain hashes references", POST, "sha256(array_send(w_ref)) ||", "sha256('') ||"),
    Mutation("members see their own", "ledger/sql/090_privileges.sql", "USING (owner IN (SELECT party.id FROM {ledger}.party))", "USING (true)"),
)  # fmt: skip


def main() -> None:
    """Try every mutation, or those whose safety contains the words on the command line; exit 1 if one survives."""
    wanted = " ".join(sys.argv[1:])
    survived = [mutation.safety for mutation in MUTATIONS if wanted in mutation.safety and _survives(mutation)]
    for safety in survived:
        sys.stdout.write(f"NOTHING WATCHES THAT {safety}\n")
    sys.exit(bool(survived))


def _survives(mutation: Mutation) -> bool:
    with tempfile.TemporaryDirectory(prefix="ringfence-mutant-") as place:
        # The embedded server's programs are found in the environment; the package is taken from the copy.
        source = Path(place) / "src"
        shutil.copytree(ROOT / "src", source)
        file = source / "ringfence" / mutation.file
        text = file.read_text("utf-8")
        if text.count(mutation.before) != 1:
            sys.exit(f"{mutation.safety}: {mutation.file} does not have this once: {mutation.before}")
        file.write_text(text.replace(mutation.before, mutation.after), "utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *TESTS],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(source)},
            capture_output=True,
            text=True,
            check=False,
        )
    sys.stdout.write(f"{'SURVIVED' if done.returncode == 0 else 'found   '}  {mutation.safety}\n")
    sys.stdout.flush()
    return done.returncode == 0


if __name__ == "__main__":
    main()
