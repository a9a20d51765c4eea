ALTER TABLE assets DROP COLUMN successor_asset_id;
ALTER TABLE symbols DROP COLUMN successor_symbol_id;
