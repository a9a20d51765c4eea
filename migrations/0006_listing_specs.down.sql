DROP TRIGGER venue_symbols_specs_set ON venue_symbols;
DROP TRIGGER venue_symbols_specs_changed ON venue_symbols;
DROP FUNCTION venue_symbols_specs_since();
ALTER TABLE venue_symbols DROP COLUMN specs_since, DROP COLUMN blocked_reason;
