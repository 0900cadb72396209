-- Whether the evening cancelled what was left of an order, or somebody before: who could not get out at a price limit is told from
-- who did not want to any more.
ALTER TABLE cancelled ADD in_the_evening boolean NOT NULL DEFAULT false;
