-- The registry
--
-- 13 tables whose columns are the contract's field names, and the tables that keep caches coherent.
--
-- Constraint names are read by the error translation (cqar/store.py): <table>__<request field>__<rule>. A broken CHECK
-- becomes INVALID_ARGUMENT on that field with the rule in upper case, a broken UNIQUE or EXCLUDE becomes ALREADY_EXISTS.
-- Keys are text COLLATE "C", so that their order is the same in every database and in Python.
-- Every write stamps its rows with their revision at its end, so a page keeps room for a second version of what it holds
-- (fillfactor): without it each index is written twice.
-- Numbers are NUMERIC without a scale; `< 'Infinity'` shuts out infinity and NaN, which PostgreSQL sorts above it.

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gist;

-- ---- coherence ------------------------------------------------------------------------------------------------------

CREATE TABLE head (
    only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT head__only_row__single CHECK (only_row),
    epoch uuid NOT NULL DEFAULT gen_random_uuid(),
    seq bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 20);
INSERT INTO head DEFAULT VALUES;
COMMENT ON TABLE head IS 'The last revision, dense and in commit order. The last lock of every write.';

CREATE TABLE outbox (
    revision bigint PRIMARY KEY,
    event_id uuid NOT NULL,
    entity text NOT NULL,
    row_id text NOT NULL,
    op text NOT NULL CONSTRAINT outbox__op__known CHECK (op IN ('create', 'update', 'delete')),
    keys text[] NOT NULL,
    left_keys text[] NOT NULL,
    value bytea CONSTRAINT outbox__value__size CHECK (octet_length(value) <= 8192),
    deleted boolean NOT NULL DEFAULT false,
    event_type text,
    event bytea,
    actor text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN outbox.keys IS 'part keys that hold the row after the change';
COMMENT ON COLUMN outbox.left_keys IS 'part keys that held it before and no longer do';
COMMENT ON COLUMN outbox.value IS 'the entity message without its revision; null: too large, caches ask PostgreSQL';
COMMENT ON COLUMN outbox.deleted IS 'the row is softly deleted: parts keep it, a Get says NOT_FOUND';
CREATE INDEX outbox_events ON outbox (revision) WHERE event_type IS NOT NULL;

CREATE TABLE relay_cursors (
    relay text PRIMARY KEY,
    epoch uuid NOT NULL,
    revision bigint NOT NULL
);

CREATE TABLE audit (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    revision bigint NOT NULL,
    entity text NOT NULL,
    row_id text NOT NULL,
    op text NOT NULL,
    actor text NOT NULL,
    method text NOT NULL,
    source text NOT NULL,
    changes jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN audit.source IS 'where the facts come from: api, or what Apply was told';
COMMENT ON COLUMN audit.changes IS '{column: [before, after]} of each column that changed';
CREATE INDEX audit_by_row ON audit (entity, row_id, audit_id);
CREATE INDEX audit_by_actor ON audit (actor, audit_id);

CREATE TABLE idempotency_keys (
    principal text NOT NULL,
    method text NOT NULL,
    idempotency_key text NOT NULL,
    request_hash bytea NOT NULL,
    response bytea NOT NULL,
    revision bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys__idempotency_key__taken PRIMARY KEY (principal, method, idempotency_key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TABLE api_keys (
    key_id text COLLATE "C" PRIMARY KEY,
    hash text NOT NULL CONSTRAINT api_keys__hash__form CHECK (hash ~ '^[0-9a-f]{64}$'),
    principal text COLLATE "C" NOT NULL CONSTRAINT api_keys__principal__length CHECK (char_length(principal) BETWEEN 1 AND 256),
    role smallint NOT NULL CONSTRAINT api_keys__role__known CHECK (role BETWEEN 1 AND 3),
    venue_ids text[] COLLATE "C" CONSTRAINT api_keys__venue_ids__size CHECK (cardinality(venue_ids) BETWEEN 1 AND 100),
    strict boolean NOT NULL DEFAULT false,
    rate_limit integer CONSTRAINT api_keys__rate_limit__range CHECK (rate_limit BETWEEN 1 AND 1000000),
    note text CONSTRAINT api_keys__note__length CHECK (char_length(note) BETWEEN 1 AND 256),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    revision bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE api_keys IS 'Who may call. A key itself is nowhere.';
COMMENT ON COLUMN api_keys.hash IS 'HMAC-SHA256 of the whole key under the pepper, which is not in the database';
COMMENT ON COLUMN api_keys.venue_ids IS 'venues that the key is confined to; null: all';
COMMENT ON COLUMN api_keys.last_used_at IS 'to the minute; written without a revision';
CREATE INDEX api_keys_by_principal ON api_keys (principal, key_id);

-- ---- assets ---------------------------------------------------------------------------------------------------------

CREATE TABLE assets (
    asset_id text COLLATE "C" PRIMARY KEY,
    symbol text NOT NULL CONSTRAINT assets__symbol__length CHECK (char_length(symbol) BETWEEN 1 AND 64),
    name text NOT NULL CONSTRAINT assets__name__length CHECK (char_length(name) BETWEEN 1 AND 256),
    asset_type smallint NOT NULL CONSTRAINT assets__asset_type__known CHECK (asset_type BETWEEN 1 AND 9),
    category text CONSTRAINT assets__category__length CHECK (char_length(category) BETWEEN 1 AND 64),
    description text CONSTRAINT assets__description__length CHECK (char_length(description) <= 4000),
    logo_url text CONSTRAINT assets__logo_url__length CHECK (char_length(logo_url) <= 2000),
    website_url text CONSTRAINT assets__website_url__length CHECK (char_length(website_url) <= 2000),
    metadata jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    revision bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE INDEX assets_by_type ON assets (asset_type, asset_id) WHERE deleted_at IS NULL;
CREATE INDEX assets_by_category ON assets (category, asset_id) WHERE deleted_at IS NULL;
CREATE INDEX assets_by_symbol ON assets (symbol) WHERE deleted_at IS NULL;
CREATE INDEX assets_search ON assets USING gin (lower(symbol) gin_trgm_ops, lower(name) gin_trgm_ops) WHERE deleted_at IS NULL;
CREATE INDEX assets_by_ticker ON assets (lower(symbol)) WHERE deleted_at IS NULL;

CREATE TABLE chains (
    chain_id text COLLATE "C"
        CONSTRAINT chains__chain_slug__taken PRIMARY KEY
        CONSTRAINT chains__chain_slug__slug CHECK (chain_id ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND char_length(chain_id) <= 64),
    chain_name text NOT NULL CONSTRAINT chains__name__length CHECK (char_length(chain_name) BETWEEN 1 AND 256),
    native_asset_id text COLLATE "C" CONSTRAINT chains__native_asset_id__exists REFERENCES assets,
    chain_type text NOT NULL CONSTRAINT chains__chain_type__known
        CHECK (chain_type IN ('EVM', 'SOLANA', 'BITCOIN', 'COSMOS', 'MOVE', 'TON', 'STARKNET', 'OTHER')),
    network_id bigint,
    explorer_url text CONSTRAINT chains__block_explorer_url__length CHECK (char_length(explorer_url) <= 2000),
    is_testnet boolean,
    rpc_urls text[],
    caip2 text CONSTRAINT chains__caip2__taken UNIQUE,
    native_asset_symbol text CONSTRAINT chains__native_asset_symbol__length CHECK (char_length(native_asset_symbol) BETWEEN 1 AND 64),
    max_decimals integer CONSTRAINT chains__max_decimals__range CHECK (max_decimals BETWEEN 0 AND 255),
    metadata jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    revision bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE INDEX chains_by_type ON chains (chain_type, chain_id);
CREATE INDEX chains_by_native_asset ON chains (native_asset_id);

CREATE TABLE deployments (
    deployment_id text COLLATE "C" PRIMARY KEY,
    asset_id text COLLATE "C" NOT NULL CONSTRAINT deployments__asset_id__exists REFERENCES assets,
    chain_id text COLLATE "C" NOT NULL CONSTRAINT deployments__chain_id__exists REFERENCES chains,
    address text COLLATE "C" NOT NULL CONSTRAINT deployments__contract_address__length CHECK (char_length(address) BETWEEN 1 AND 1024),
    decimals integer CONSTRAINT deployments__decimals__range CHECK (decimals BETWEEN 0 AND 255),
    is_canonical boolean,
    is_native boolean NOT NULL DEFAULT false,
    deployed_at timestamptz,
    retired_at timestamptz,
    metadata jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    revision bigint NOT NULL DEFAULT 0,
    CONSTRAINT deployments__is_native__native CHECK (is_native = (address = 'native')),
    CONSTRAINT deployments__retired_at__order CHECK (deployed_at < retired_at)
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX deployments__contract_address__taken ON deployments (chain_id, address) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX deployments__is_canonical__taken ON deployments (asset_id, chain_id) WHERE is_canonical AND deleted_at IS NULL;
CREATE INDEX deployments_by_asset ON deployments (asset_id, deployment_id);
CREATE INDEX deployments_by_chain ON deployments (chain_id, deployment_id);
CREATE INDEX deployments_by_address ON deployments (address);

CREATE TABLE asset_identifiers (
    identifier_id text COLLATE "C" PRIMARY KEY,
    asset_id text COLLATE "C" NOT NULL CONSTRAINT asset_identifiers__asset_id__exists REFERENCES assets,
    source smallint NOT NULL CONSTRAINT asset_identifiers__source__known CHECK (source BETWEEN 1 AND 5),
    external_id text COLLATE "C" NOT NULL CONSTRAINT asset_identifiers__external_id__length CHECK (char_length(external_id) BETWEEN 1 AND 256),
    is_primary boolean NOT NULL DEFAULT false,
    metadata jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    revision bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX asset_identifiers__external_id__taken ON asset_identifiers (asset_id, source, external_id) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX asset_identifiers__is_primary__taken ON asset_identifiers (asset_id, source) WHERE is_primary AND deleted_at IS NULL;
CREATE INDEX asset_identifiers_by_external_id ON asset_identifiers (external_id, source) WHERE deleted_at IS NULL;

CREATE TABLE relationships (
    relationship_id text COLLATE "C" PRIMARY KEY,
    from_asset_id text COLLATE "C" NOT NULL CONSTRAINT relationships__source_asset_id__exists REFERENCES assets,
    to_asset_id text COLLATE "C" NOT NULL CONSTRAINT relationships__target_asset_id__exists REFERENCES assets,
    relationship_type smallint NOT NULL CONSTRAINT relationships__relationship_type__known CHECK (relationship_type BETWEEN 1 AND 8),
    conversion_rate numeric CONSTRAINT relationships__conversion_rate__positive CHECK (conversion_rate > 0 AND conversion_rate < 'Infinity'),
    protocol text CONSTRAINT relationships__protocol__length CHECK (char_length(protocol) BETWEEN 1 AND 256),
    description text CONSTRAINT relationships__description__length CHECK (char_length(description) <= 4000),
    metadata jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    revision bigint NOT NULL DEFAULT 0,
    CONSTRAINT relationships__target_asset_id__self CHECK (from_asset_id <> to_asset_id),
    CONSTRAINT relationships__target_asset_id__taken UNIQUE (from_asset_id, to_asset_id, relationship_type)
) WITH (fillfactor = 50);
CREATE INDEX relationships_by_target ON relationships (to_asset_id, relationship_type);
CREATE INDEX relationships_by_type ON relationships (relationship_type, relationship_id);

CREATE TABLE asset_groups (
    group_id text COLLATE "C" PRIMARY KEY,
    name text COLLATE "C" NOT NULL CONSTRAINT asset_groups__name__taken UNIQUE
        CONSTRAINT asset_groups__name__length CHECK (char_length(name) BETWEEN 1 AND 256),
    group_type text CONSTRAINT asset_groups__group_type__length CHECK (char_length(group_type) BETWEEN 1 AND 64),
    description text CONSTRAINT asset_groups__description__length CHECK (char_length(description) <= 4000),
    metadata jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    revision bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE asset_group_members (
    member_id text COLLATE "C" PRIMARY KEY,
    group_id text COLLATE "C" NOT NULL CONSTRAINT asset_group_members__group_id__exists REFERENCES asset_groups,
    asset_id text COLLATE "C" NOT NULL CONSTRAINT asset_group_members__asset_id__exists REFERENCES assets,
    weight numeric CONSTRAINT asset_group_members__weight__finite CHECK (weight > '-Infinity' AND weight < 'Infinity'),
    added_at timestamptz NOT NULL DEFAULT now(),
    revision bigint NOT NULL DEFAULT 0,
    CONSTRAINT asset_group_members__asset_id__taken UNIQUE (group_id, asset_id)
) WITH (fillfactor = 50);
CREATE INDEX asset_group_members_by_asset ON asset_group_members (asset_id);

CREATE TABLE quality_flags (
    flag_id text COLLATE "C" PRIMARY KEY,
    asset_id text COLLATE "C" NOT NULL CONSTRAINT quality_flags__asset_id__exists REFERENCES assets,
    flag_type smallint NOT NULL CONSTRAINT quality_flags__flag_type__known CHECK (flag_type BETWEEN 1 AND 9),
    severity smallint NOT NULL CONSTRAINT quality_flags__severity__known CHECK (severity BETWEEN 1 AND 5),
    source text NOT NULL CONSTRAINT quality_flags__source__length CHECK (char_length(source) BETWEEN 1 AND 256),
    reason text NOT NULL CONSTRAINT quality_flags__description__length CHECK (char_length(reason) BETWEEN 1 AND 4000),
    evidence_url text CONSTRAINT quality_flags__evidence_url__length CHECK (char_length(evidence_url) <= 2000),
    raised_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    resolved_by text CONSTRAINT quality_flags__resolved_by__length CHECK (char_length(resolved_by) BETWEEN 1 AND 256),
    resolution_notes text CONSTRAINT quality_flags__resolution_notes__length CHECK (char_length(resolution_notes) <= 4000),
    metadata jsonb,
    deleted_at timestamptz,
    revision bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE INDEX quality_flags_by_asset ON quality_flags (asset_id, flag_id);
CREATE INDEX quality_flags_active ON quality_flags (asset_id) WHERE resolved_at IS NULL AND deleted_at IS NULL;
CREATE INDEX quality_flags_by_severity ON quality_flags (severity, flag_id);
CREATE INDEX quality_flags_by_type ON quality_flags (flag_type, flag_id);

-- ---- symbols --------------------------------------------------------------------------------------------------------
-- symbol_type: 1 spot, 2 perpetual, 3 future, 4 option, 5 margin.

CREATE TABLE symbols (
    symbol_id text COLLATE "C" PRIMARY KEY,
    symbol text NOT NULL CONSTRAINT symbols__symbol__length CHECK (char_length(symbol) BETWEEN 1 AND 256),
    symbol_type smallint NOT NULL CONSTRAINT symbols__symbol_type__known CHECK (symbol_type BETWEEN 1 AND 5),
    base_asset_id text COLLATE "C" NOT NULL CONSTRAINT symbols__base_asset_id__exists REFERENCES assets,
    quote_asset_id text COLLATE "C" NOT NULL CONSTRAINT symbols__quote_asset_id__exists REFERENCES assets,
    settlement_asset_id text COLLATE "C" CONSTRAINT symbols__settlement_asset_id__exists REFERENCES assets,
    margin_kind text CONSTRAINT symbols__margin_kind__known CHECK (margin_kind IN ('linear', 'inverse', 'quanto')),
    tick_size numeric CONSTRAINT symbols__tick_size__positive CHECK (tick_size > 0 AND tick_size < 'Infinity'),
    lot_size numeric CONSTRAINT symbols__lot_size__positive CHECK (lot_size > 0 AND lot_size < 'Infinity'),
    min_order_size numeric CONSTRAINT symbols__min_order_size_decimal__range CHECK (min_order_size >= 0 AND min_order_size < 'Infinity'),
    max_order_size numeric CONSTRAINT symbols__max_order_size_decimal__range CHECK (max_order_size > 0 AND max_order_size < 'Infinity'),
    min_notional numeric CONSTRAINT symbols__min_notional_decimal__range CHECK (min_notional >= 0 AND min_notional < 'Infinity'),
    contract_size numeric CONSTRAINT symbols__contract_size_decimal__positive CHECK (contract_size > 0 AND contract_size < 'Infinity'),
    expiry timestamptz,
    strike_price numeric CONSTRAINT symbols__strike_price_decimal__positive CHECK (strike_price > 0 AND strike_price < 'Infinity'),
    option_type smallint CONSTRAINT symbols__option_type__known CHECK (option_type BETWEEN 1 AND 2),
    is_active boolean NOT NULL DEFAULT true,
    delisted_at timestamptz,
    metadata jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    revision bigint NOT NULL DEFAULT 0,
    CONSTRAINT symbols__symbol_type__pair UNIQUE (symbol_id, symbol_type),
    CONSTRAINT symbols__max_order_size_decimal__order CHECK (min_order_size < max_order_size),
    CONSTRAINT symbols__settlement_asset_id__kind CHECK (
        CASE WHEN symbol_type IN (1, 5) THEN settlement_asset_id IS NULL AND margin_kind IS NULL
             ELSE settlement_asset_id IS NOT NULL AND margin_kind IS NOT NULL END),
    CONSTRAINT symbols__expiry__kind CHECK ((symbol_type IN (3, 4)) = (expiry IS NOT NULL)),
    CONSTRAINT symbols__strike_price_decimal__kind CHECK ((symbol_type = 4) = (strike_price IS NOT NULL)),
    CONSTRAINT symbols__option_type__kind CHECK ((symbol_type = 4) = (option_type IS NOT NULL))
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX symbols__base_asset_id__taken ON symbols
    (base_asset_id, quote_asset_id, settlement_asset_id, symbol_type, expiry, strike_price, option_type)
    NULLS NOT DISTINCT WHERE deleted_at IS NULL;
CREATE INDEX symbols_by_base ON symbols (base_asset_id, symbol_id) WHERE deleted_at IS NULL;
CREATE INDEX symbols_by_quote ON symbols (quote_asset_id, symbol_id) WHERE deleted_at IS NULL;
CREATE INDEX symbols_by_settlement ON symbols (settlement_asset_id, symbol_id) WHERE deleted_at IS NULL;
CREATE INDEX symbols_by_type ON symbols (symbol_type, symbol_id) WHERE deleted_at IS NULL;
CREATE INDEX symbols_search ON symbols USING gin (lower(symbol) gin_trgm_ops) WHERE deleted_at IS NULL;
CREATE INDEX symbols_by_label ON symbols (lower(symbol)) WHERE deleted_at IS NULL;

CREATE TABLE symbol_identifiers (
    identifier_id text COLLATE "C" PRIMARY KEY,
    symbol_id text COLLATE "C" NOT NULL CONSTRAINT symbol_identifiers__symbol_id__exists REFERENCES symbols,
    data_source smallint NOT NULL CONSTRAINT symbol_identifiers__data_source__known CHECK (data_source BETWEEN 1 AND 5),
    external_id text COLLATE "C" NOT NULL CONSTRAINT symbol_identifiers__external_id__length CHECK (char_length(external_id) BETWEEN 1 AND 256),
    is_primary boolean NOT NULL DEFAULT false,
    metadata jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    revision bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX symbol_identifiers__external_id__taken ON symbol_identifiers (symbol_id, data_source, external_id) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX symbol_identifiers__is_primary__taken ON symbol_identifiers (symbol_id, data_source) WHERE is_primary AND deleted_at IS NULL;
CREATE INDEX symbol_identifiers_by_external_id ON symbol_identifiers (external_id, data_source) WHERE deleted_at IS NULL;

-- ---- venues ---------------------------------------------------------------------------------------------------------

CREATE TABLE venues (
    venue_id text COLLATE "C"
        CONSTRAINT venues__venue_slug__taken PRIMARY KEY
        CONSTRAINT venues__venue_slug__slug CHECK (venue_id ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND char_length(venue_id) <= 64),
    name text NOT NULL CONSTRAINT venues__name__length CHECK (char_length(name) BETWEEN 1 AND 256),
    venue_type smallint NOT NULL CONSTRAINT venues__venue_type__known CHECK (venue_type BETWEEN 1 AND 5),
    chain_id text COLLATE "C" CONSTRAINT venues__chain_id__exists REFERENCES chains,
    protocol_address text CONSTRAINT venues__protocol_address__length CHECK (char_length(protocol_address) BETWEEN 1 AND 1024),
    website_url text CONSTRAINT venues__website_url__length CHECK (char_length(website_url) <= 2000),
    api_endpoint text CONSTRAINT venues__api_endpoint__length CHECK (char_length(api_endpoint) <= 2000),
    default_symbol_type smallint CONSTRAINT venues__default_symbol_type__known CHECK (default_symbol_type BETWEEN 1 AND 5),
    is_active boolean NOT NULL DEFAULT true,
    metadata jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    revision bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE INDEX venues_by_type ON venues (venue_type, venue_id);
CREATE INDEX venues_by_chain ON venues (chain_id, venue_id);

CREATE TABLE venue_assets (
    venue_id text COLLATE "C" NOT NULL CONSTRAINT venue_assets__venue_id__exists REFERENCES venues,
    asset_id text COLLATE "C" NOT NULL CONSTRAINT venue_assets__asset_id__exists REFERENCES assets,
    venue_asset_symbol text COLLATE "C" NOT NULL
        CONSTRAINT venue_assets__venue_asset_symbol__length CHECK (char_length(venue_asset_symbol) BETWEEN 1 AND 128),
    venue_asset_aliases text[] COLLATE "C",
    deployment_id text COLLATE "C" CONSTRAINT venue_assets__deployment_id__exists REFERENCES deployments,
    identity_evidence text CONSTRAINT venue_assets__identity_evidence__length CHECK (char_length(identity_evidence) BETWEEN 1 AND 256),
    deposit_enabled boolean,
    withdraw_enabled boolean,
    trading_enabled boolean,
    min_deposit numeric CONSTRAINT venue_assets__min_deposit_decimal__range CHECK (min_deposit >= 0 AND min_deposit < 'Infinity'),
    min_withdrawal numeric CONSTRAINT venue_assets__min_withdrawal_decimal__range CHECK (min_withdrawal >= 0 AND min_withdrawal < 'Infinity'),
    withdrawal_fee numeric CONSTRAINT venue_assets__withdrawal_fee_decimal__range CHECK (withdrawal_fee >= 0 AND withdrawal_fee < 'Infinity'),
    deposit_fee numeric CONSTRAINT venue_assets__deposit_fee_decimal__range CHECK (deposit_fee >= 0 AND deposit_fee < 'Infinity'),
    listed_at timestamptz,
    delisted_at timestamptz,
    is_active boolean NOT NULL DEFAULT true,
    metadata jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    revision bigint NOT NULL DEFAULT 0,
    CONSTRAINT venue_assets__asset_id__taken PRIMARY KEY (venue_id, asset_id),
    CONSTRAINT venue_assets__delisted_at__order CHECK (listed_at < delisted_at)
) WITH (fillfactor = 50);
CREATE INDEX venue_assets_by_code ON venue_assets (venue_id, venue_asset_symbol);
CREATE INDEX venue_assets_by_alias ON venue_assets USING gin (venue_asset_aliases);
CREATE INDEX venue_assets_by_asset ON venue_assets (asset_id, venue_id);
CREATE INDEX venue_assets_by_deployment ON venue_assets (deployment_id);

CREATE TABLE venue_symbols (
    listing_id text COLLATE "C" PRIMARY KEY,
    venue_id text COLLATE "C" NOT NULL CONSTRAINT venue_symbols__venue_id__exists REFERENCES venues,
    symbol_id text COLLATE "C" NOT NULL,
    symbol_type smallint NOT NULL,
    venue_symbol text COLLATE "C" NOT NULL
        CONSTRAINT venue_symbols__venue_symbol__length CHECK (char_length(venue_symbol) BETWEEN 1 AND 128),
    is_active boolean NOT NULL DEFAULT true,
    maker_fee numeric CONSTRAINT venue_symbols__maker_fee__range CHECK (maker_fee BETWEEN -1 AND 1),
    taker_fee numeric CONSTRAINT venue_symbols__taker_fee__range CHECK (taker_fee BETWEEN 0 AND 1),
    min_order_value numeric CONSTRAINT venue_symbols__min_order_value_decimal__range CHECK (min_order_value >= 0 AND min_order_value < 'Infinity'),
    max_order_value numeric CONSTRAINT venue_symbols__max_order_value_decimal__range CHECK (max_order_value > 0 AND max_order_value < 'Infinity'),
    min_notional numeric CONSTRAINT venue_symbols__min_notional_decimal__range CHECK (min_notional >= 0 AND min_notional < 'Infinity'),
    max_leverage numeric CONSTRAINT venue_symbols__max_leverage_decimal__range CHECK (max_leverage > 0 AND max_leverage < 'Infinity'),
    tick_size numeric CONSTRAINT venue_symbols__tick_size_decimal__positive CHECK (tick_size > 0 AND tick_size < 'Infinity'),
    lot_size numeric CONSTRAINT venue_symbols__lot_size_decimal__positive CHECK (lot_size > 0 AND lot_size < 'Infinity'),
    min_order_size numeric CONSTRAINT venue_symbols__min_order_size_decimal__range CHECK (min_order_size >= 0 AND min_order_size < 'Infinity'),
    max_order_size numeric CONSTRAINT venue_symbols__max_order_size_decimal__range CHECK (max_order_size > 0 AND max_order_size < 'Infinity'),
    contract_size numeric CONSTRAINT venue_symbols__contract_size_decimal__positive CHECK (contract_size > 0 AND contract_size < 'Infinity'),
    quantity_multiplier numeric CONSTRAINT venue_symbols__quantity_multiplier_decimal__not_zero
        CHECK (quantity_multiplier <> 0 AND quantity_multiplier > '-Infinity' AND quantity_multiplier < 'Infinity'),
    listed_at timestamptz,
    delisted_at timestamptz,
    metadata jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    revision bigint NOT NULL DEFAULT 0,
    CONSTRAINT venue_symbols__symbol_id__exists FOREIGN KEY (symbol_id, symbol_type)
        REFERENCES symbols (symbol_id, symbol_type) ON UPDATE CASCADE,
    CONSTRAINT venue_symbols__delisted_at__order CHECK (listed_at < delisted_at),
    CONSTRAINT venue_symbols__max_order_size_decimal__order CHECK (min_order_size < max_order_size),
    CONSTRAINT venue_symbols__max_order_value_decimal__order CHECK (min_order_value < max_order_value),
    -- One key as text, so that no lookup takes this tree for its own. The hash decides nothing: a number in front is what
    -- makes a GiST tree quick to search and to split.
    CONSTRAINT venue_symbols__venue_symbol__taken EXCLUDE USING gist (
        hashtextextended(venue_symbol, 0) WITH =,
        tstzrange(listed_at, delisted_at, '[)') WITH &&,
        (venue_id || ':' || symbol_type || ':' || venue_symbol) WITH =
    )
) WITH (fillfactor = 50);
CREATE INDEX venue_symbols_by_text ON venue_symbols (venue_id, venue_symbol);
CREATE INDEX venue_symbols_by_venue ON venue_symbols (venue_id, listing_id);
CREATE INDEX venue_symbols_by_symbol ON venue_symbols (symbol_id, listing_id);
