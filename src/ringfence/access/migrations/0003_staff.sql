-- The staff of a ring of one's own: which person of its party somebody is, as the ring's file names it.
ALTER TABLE person DROP CONSTRAINT person_role_check;
ALTER TABLE person ADD CONSTRAINT person_role_check
CHECK (role IN ('exchange', 'bank', 'member', 'client', 'supervisor', 'staff'));
ALTER TABLE person DROP CONSTRAINT person_check;
ALTER TABLE person ADD CONSTRAINT person_duty_check CHECK (
    CASE role WHEN 'staff' THEN duty IS NOT NULL WHEN 'exchange' THEN duty IS NULL OR duty IN ('clerk', 'officer') ELSE duty IS NULL END);
