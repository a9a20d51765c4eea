ALTER TABLE venue_assets DROP COLUMN identity_level, DROP COLUMN blocked_reason;
DROP TABLE identity_claims;
