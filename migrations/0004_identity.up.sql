-- The identity of a registry

-- A table of its own: the one row of head changes with every write, and a rewrite of head would hide it from open snapshots.
CREATE TABLE registry_identity (
    only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT registry_identity__only_row__single CHECK (only_row),
    registry_id uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO registry_identity DEFAULT VALUES;
COMMENT ON TABLE registry_identity IS 'Identifies this registry among others on the same NATS. Unlike the epoch it never changes, and a restored copy has the same.';
