-- In which units a kind's accounts are kept; in any of the ledger's where it is not said. What is owed in money and what lies in
-- a vault are never one account, whoever registers them.
ALTER TABLE kind ADD units smallint [];
