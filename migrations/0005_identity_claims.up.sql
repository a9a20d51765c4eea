-- Identity claims: what the codes of venues mean, and why
--
-- Constraint names follow 0001_registry.up.sql.

CREATE TABLE identity_claims (
    venue_id text COLLATE "C" NOT NULL CONSTRAINT identity_claims__venue_id__exists REFERENCES venues,
    code text COLLATE "C" NOT NULL CONSTRAINT identity_claims__code__length CHECK (char_length(code) BETWEEN 1 AND 128),
    asset_id text COLLATE "C" CONSTRAINT identity_claims__asset_id__exists REFERENCES assets,
    level smallint NOT NULL CONSTRAINT identity_claims__level__known CHECK (level BETWEEN 1 AND 5),
    evidence jsonb CONSTRAINT identity_claims__evidence__size
        CHECK (jsonb_typeof(evidence) = 'array' AND jsonb_array_length(evidence) <= 128 AND octet_length(evidence::text) <= 262144),
    candidate_asset_ids text[] COLLATE "C",
    facts jsonb,
    blocked_reason text CONSTRAINT identity_claims__blocked_reason__length CHECK (char_length(blocked_reason) BETWEEN 1 AND 4000),
    source text CONSTRAINT identity_claims__source__length CHECK (char_length(source) BETWEEN 1 AND 256),
    updated_at timestamptz NOT NULL DEFAULT now(),
    revision bigint NOT NULL DEFAULT 0,
    CONSTRAINT identity_claims__code__taken PRIMARY KEY (venue_id, code)
) WITH (fillfactor = 50);
COMMENT ON TABLE identity_claims IS 'What each code of a venue means, with the evidence for and against it.';
CREATE INDEX identity_claims_by_asset ON identity_claims (asset_id, venue_id, code);
CREATE INDEX identity_claims_by_level ON identity_claims (level, venue_id, code);

ALTER TABLE venue_assets
    ADD COLUMN identity_level smallint
        CONSTRAINT venue_assets__identity_level__known CHECK (identity_level BETWEEN 1 AND 5),
    ADD COLUMN blocked_reason text
        CONSTRAINT venue_assets__blocked_reason__length CHECK (char_length(blocked_reason) BETWEEN 1 AND 4000);

-- The level that follows from the evidence that imports and reviews recorded so far.
UPDATE venue_assets SET identity_level = CASE
    WHEN identity_evidence = 'review' OR identity_evidence LIKE 'contract address %' OR identity_evidence LIKE 'external id %'
        OR identity_evidence LIKE 'remap %, external id %' OR identity_evidence LIKE 'remap %, contract address %' THEN 1
    WHEN identity_evidence LIKE 'ticker %' OR identity_evidence LIKE 'remap %, ticker %' THEN 3
    WHEN identity_evidence = 'provisional' OR identity_evidence LIKE 'remap %, provisional' THEN 5
END
WHERE identity_evidence IS NOT NULL;
