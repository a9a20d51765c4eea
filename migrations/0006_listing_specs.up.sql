-- Since when a listing has its numbers, and why a listing is blocked
--
-- Constraint names follow 0001_registry.up.sql.

ALTER TABLE venue_symbols
    ADD COLUMN specs_since timestamptz,
    ADD COLUMN blocked_reason text
        CONSTRAINT venue_symbols__blocked_reason__length CHECK (char_length(blocked_reason) BETWEEN 1 AND 4000);

-- The last change of a row is the last that its numbers can have had.
UPDATE venue_symbols SET specs_since = updated_at
WHERE num_nonnulls(tick_size, lot_size, min_order_size, max_order_size, contract_size, quantity_multiplier, min_notional,
    min_order_value, max_order_value, max_leverage, maker_fee, taker_fee) > 0;

CREATE FUNCTION venue_symbols_specs_since() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Numbers that a listing gets after its end are those of its interval.
    NEW.specs_since := CASE WHEN NEW.delisted_at <= now() THEN NEW.listed_at ELSE now() END;
    RETURN NEW;
END $$;
CREATE TRIGGER venue_symbols_specs_set BEFORE INSERT ON venue_symbols FOR EACH ROW
    WHEN (num_nonnulls(NEW.tick_size, NEW.lot_size, NEW.min_order_size, NEW.max_order_size, NEW.contract_size,
        NEW.quantity_multiplier, NEW.min_notional, NEW.min_order_value, NEW.max_order_value, NEW.max_leverage, NEW.maker_fee,
        NEW.taker_fee) > 0)
    EXECUTE FUNCTION venue_symbols_specs_since();
CREATE TRIGGER venue_symbols_specs_changed BEFORE UPDATE ON venue_symbols FOR EACH ROW
    WHEN ((OLD.tick_size, OLD.lot_size, OLD.min_order_size, OLD.max_order_size, OLD.contract_size, OLD.quantity_multiplier,
        OLD.min_notional, OLD.min_order_value, OLD.max_order_value, OLD.max_leverage, OLD.maker_fee, OLD.taker_fee)
        IS DISTINCT FROM
        (NEW.tick_size, NEW.lot_size, NEW.min_order_size, NEW.max_order_size, NEW.contract_size, NEW.quantity_multiplier,
        NEW.min_notional, NEW.min_order_value, NEW.max_order_value, NEW.max_leverage, NEW.maker_fee, NEW.taker_fee))
    EXECUTE FUNCTION venue_symbols_specs_since();
