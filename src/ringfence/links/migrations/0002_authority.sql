-- Whose certificates are taken at a correspondent's address, in PEM; where there is none, those that everybody takes.
ALTER TABLE correspondent ADD COLUMN authority text NOT NULL DEFAULT '' CHECK (length(authority) <= 100000);
