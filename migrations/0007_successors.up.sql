-- The successors of merged assets and symbols
--
-- Constraint names follow 0001_registry.up.sql.

ALTER TABLE assets
    ADD COLUMN successor_asset_id text COLLATE "C" CONSTRAINT assets__into_asset_id__exists REFERENCES assets;
CREATE INDEX assets_by_successor ON assets (successor_asset_id) WHERE successor_asset_id IS NOT NULL;
COMMENT ON COLUMN assets.successor_asset_id IS 'of a merged asset, which is deleted: the one that stands in its place';

ALTER TABLE symbols
    ADD COLUMN successor_symbol_id text COLLATE "C" CONSTRAINT symbols__symbol_id__successor REFERENCES symbols;
CREATE INDEX symbols_by_successor ON symbols (successor_symbol_id) WHERE successor_symbol_id IS NOT NULL;
COMMENT ON COLUMN symbols.successor_symbol_id IS 'of a merged symbol, which is deleted: the one that stands in its place';
