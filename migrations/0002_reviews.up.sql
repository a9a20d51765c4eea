-- The review queue of the importers
--
-- Decisions that importers must leave to people. Constraint names follow 0001_registry.up.sql.

CREATE TABLE reviews (
    review_id text COLLATE "C" PRIMARY KEY,
    kind smallint NOT NULL CONSTRAINT reviews__kind__known CHECK (kind BETWEEN 1 AND 4),
    status smallint NOT NULL DEFAULT 1 CONSTRAINT reviews__status__known CHECK (status BETWEEN 1 AND 3),
    venue_id text COLLATE "C" NOT NULL CONSTRAINT reviews__venue_id__exists REFERENCES venues,
    code text COLLATE "C" NOT NULL CONSTRAINT reviews__code__length CHECK (char_length(code) BETWEEN 1 AND 128),
    symbol_type smallint NOT NULL DEFAULT 0 CONSTRAINT reviews__symbol_type__known CHECK (symbol_type BETWEEN 0 AND 5),
    proposal bytea NOT NULL CONSTRAINT reviews__proposal__size CHECK (octet_length(proposal) <= 65536),
    source text NOT NULL CONSTRAINT reviews__source__length CHECK (char_length(source) BETWEEN 1 AND 256),
    decision smallint CONSTRAINT reviews__decision__known CHECK (decision BETWEEN 1 AND 4),
    notes text CONSTRAINT reviews__notes__length CHECK (char_length(notes) <= 4000),
    decided_by text CONSTRAINT reviews__decided_by__length CHECK (char_length(decided_by) BETWEEN 1 AND 256),
    decided_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT reviews__decided_at__status CHECK ((status = 1) = (decided_at IS NULL))
);
COMMENT ON TABLE reviews IS 'Questions of importers to people, and the answers.';
COMMENT ON COLUMN reviews.symbol_type IS 'of a conflict of listings, whose text may mean one thing for each type; else 0';
COMMENT ON COLUMN reviews.proposal IS 'cqar.v1.Review, only what its source said';
CREATE UNIQUE INDEX reviews__code__taken ON reviews (venue_id, kind, code, symbol_type) WHERE status = 1;
CREATE INDEX reviews_by_status ON reviews (status, review_id);
CREATE INDEX reviews_by_code ON reviews (venue_id, code);
