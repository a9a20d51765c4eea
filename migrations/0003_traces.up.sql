-- The trace of a change

ALTER TABLE outbox ADD COLUMN traceparent text
    CONSTRAINT outbox__traceparent__form CHECK (traceparent ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$');
COMMENT ON COLUMN outbox.traceparent IS 'where the write stands in its caller''s trace, as W3C writes it; null: it has none';
