-- The orders of a day that the exchange did not let in, by number, each with its reason in English and Chinese: a killed run must not ask again.
ALTER TABLE script ADD turned_away jsonb NOT NULL DEFAULT '{}';
