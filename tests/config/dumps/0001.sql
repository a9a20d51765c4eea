-- pg_dump --inserts of a database at migration 0001, which Alembic applied.
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;
COMMENT ON EXTENSION btree_gist IS 'support for indexing common datatypes in GiST';
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
COMMENT ON EXTENSION pg_trgm IS 'text similarity measurement and index searching based on trigrams';
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.api_keys (
    key_id text NOT NULL COLLATE pg_catalog."C",
    hash text NOT NULL,
    principal text NOT NULL COLLATE pg_catalog."C",
    role smallint NOT NULL,
    venue_ids text[] COLLATE pg_catalog."C",
    strict boolean DEFAULT false NOT NULL,
    rate_limit integer,
    note text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    revision bigint DEFAULT 0 NOT NULL,
    CONSTRAINT api_keys__hash__form CHECK ((hash ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT api_keys__note__length CHECK (((char_length(note) >= 1) AND (char_length(note) <= 256))),
    CONSTRAINT api_keys__principal__length CHECK (((char_length(principal) >= 1) AND (char_length(principal) <= 256))),
    CONSTRAINT api_keys__rate_limit__range CHECK (((rate_limit >= 1) AND (rate_limit <= 1000000))),
    CONSTRAINT api_keys__role__known CHECK (((role >= 1) AND (role <= 3))),
    CONSTRAINT api_keys__venue_ids__size CHECK (((cardinality(venue_ids) >= 1) AND (cardinality(venue_ids) <= 100)))
);
COMMENT ON TABLE public.api_keys IS 'Who may call. A key itself is nowhere.';
COMMENT ON COLUMN public.api_keys.hash IS 'HMAC-SHA256 of the whole key under the pepper, which is not in the database';
COMMENT ON COLUMN public.api_keys.venue_ids IS 'venues that the key is confined to; null: all';
COMMENT ON COLUMN public.api_keys.last_used_at IS 'to the minute; written without a revision';
CREATE TABLE public.asset_group_members (
    member_id text NOT NULL COLLATE pg_catalog."C",
    group_id text NOT NULL COLLATE pg_catalog."C",
    asset_id text NOT NULL COLLATE pg_catalog."C",
    weight numeric,
    added_at timestamp with time zone DEFAULT now() NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    CONSTRAINT asset_group_members__weight__finite CHECK (((weight > '-Infinity'::numeric) AND (weight < 'Infinity'::numeric)))
)
WITH (fillfactor='50');
CREATE TABLE public.asset_groups (
    group_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    group_type text,
    description text,
    metadata jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    CONSTRAINT asset_groups__description__length CHECK ((char_length(description) <= 4000)),
    CONSTRAINT asset_groups__group_type__length CHECK (((char_length(group_type) >= 1) AND (char_length(group_type) <= 64))),
    CONSTRAINT asset_groups__name__length CHECK (((char_length(name) >= 1) AND (char_length(name) <= 256)))
)
WITH (fillfactor='50');
CREATE TABLE public.asset_identifiers (
    identifier_id text NOT NULL COLLATE pg_catalog."C",
    asset_id text NOT NULL COLLATE pg_catalog."C",
    source smallint NOT NULL,
    external_id text NOT NULL COLLATE pg_catalog."C",
    is_primary boolean DEFAULT false NOT NULL,
    metadata jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    revision bigint DEFAULT 0 NOT NULL,
    CONSTRAINT asset_identifiers__external_id__length CHECK (((char_length(external_id) >= 1) AND (char_length(external_id) <= 256))),
    CONSTRAINT asset_identifiers__source__known CHECK (((source >= 1) AND (source <= 5)))
)
WITH (fillfactor='50');
CREATE TABLE public.assets (
    asset_id text NOT NULL COLLATE pg_catalog."C",
    symbol text NOT NULL,
    name text NOT NULL,
    asset_type smallint NOT NULL,
    category text,
    description text,
    logo_url text,
    website_url text,
    metadata jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    revision bigint DEFAULT 0 NOT NULL,
    CONSTRAINT assets__asset_type__known CHECK (((asset_type >= 1) AND (asset_type <= 9))),
    CONSTRAINT assets__category__length CHECK (((char_length(category) >= 1) AND (char_length(category) <= 64))),
    CONSTRAINT assets__description__length CHECK ((char_length(description) <= 4000)),
    CONSTRAINT assets__logo_url__length CHECK ((char_length(logo_url) <= 2000)),
    CONSTRAINT assets__name__length CHECK (((char_length(name) >= 1) AND (char_length(name) <= 256))),
    CONSTRAINT assets__symbol__length CHECK (((char_length(symbol) >= 1) AND (char_length(symbol) <= 64))),
    CONSTRAINT assets__website_url__length CHECK ((char_length(website_url) <= 2000))
)
WITH (fillfactor='50');
CREATE TABLE public.audit (
    audit_id bigint NOT NULL,
    revision bigint NOT NULL,
    entity text NOT NULL,
    row_id text NOT NULL,
    op text NOT NULL,
    actor text NOT NULL,
    method text NOT NULL,
    source text NOT NULL,
    changes jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
COMMENT ON COLUMN public.audit.source IS 'where the facts come from: api, or what Apply was told';
COMMENT ON COLUMN public.audit.changes IS '{column: [before, after]} of each column that changed';
ALTER TABLE public.audit ALTER COLUMN audit_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.chains (
    chain_id text NOT NULL COLLATE pg_catalog."C",
    chain_name text NOT NULL,
    native_asset_id text COLLATE pg_catalog."C",
    chain_type text NOT NULL,
    network_id bigint,
    explorer_url text,
    is_testnet boolean,
    rpc_urls text[],
    caip2 text,
    native_asset_symbol text,
    max_decimals integer,
    metadata jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    CONSTRAINT chains__block_explorer_url__length CHECK ((char_length(explorer_url) <= 2000)),
    CONSTRAINT chains__chain_slug__slug CHECK (((chain_id ~ '^[a-z0-9]+(-[a-z0-9]+)*$'::text) AND (char_length(chain_id) <= 64))),
    CONSTRAINT chains__chain_type__known CHECK ((chain_type = ANY (ARRAY['EVM'::text, 'SOLANA'::text, 'BITCOIN'::text, 'COSMOS'::text, 'MOVE'::text, 'TON'::text, 'STARKNET'::text, 'OTHER'::text]))),
    CONSTRAINT chains__max_decimals__range CHECK (((max_decimals >= 0) AND (max_decimals <= 255))),
    CONSTRAINT chains__name__length CHECK (((char_length(chain_name) >= 1) AND (char_length(chain_name) <= 256))),
    CONSTRAINT chains__native_asset_symbol__length CHECK (((char_length(native_asset_symbol) >= 1) AND (char_length(native_asset_symbol) <= 64)))
)
WITH (fillfactor='50');
CREATE TABLE public.deployments (
    deployment_id text NOT NULL COLLATE pg_catalog."C",
    asset_id text NOT NULL COLLATE pg_catalog."C",
    chain_id text NOT NULL COLLATE pg_catalog."C",
    address text NOT NULL COLLATE pg_catalog."C",
    decimals integer,
    is_canonical boolean,
    is_native boolean DEFAULT false NOT NULL,
    deployed_at timestamp with time zone,
    retired_at timestamp with time zone,
    metadata jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    revision bigint DEFAULT 0 NOT NULL,
    CONSTRAINT deployments__contract_address__length CHECK (((char_length(address) >= 1) AND (char_length(address) <= 1024))),
    CONSTRAINT deployments__decimals__range CHECK (((decimals >= 0) AND (decimals <= 255))),
    CONSTRAINT deployments__is_native__native CHECK ((is_native = (address = 'native'::text))),
    CONSTRAINT deployments__retired_at__order CHECK ((deployed_at < retired_at))
)
WITH (fillfactor='50');
CREATE TABLE public.head (
    only_row boolean DEFAULT true NOT NULL,
    epoch uuid DEFAULT gen_random_uuid() NOT NULL,
    seq bigint DEFAULT 0 NOT NULL,
    CONSTRAINT head__only_row__single CHECK (only_row)
)
WITH (fillfactor='20');
COMMENT ON TABLE public.head IS 'The last revision, dense and in commit order. The last lock of every write.';
CREATE TABLE public.idempotency_keys (
    principal text NOT NULL,
    method text NOT NULL,
    idempotency_key text NOT NULL,
    request_hash bytea NOT NULL,
    response bytea NOT NULL,
    revision bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.outbox (
    revision bigint NOT NULL,
    event_id uuid NOT NULL,
    entity text NOT NULL,
    row_id text NOT NULL,
    op text NOT NULL,
    keys text[] NOT NULL,
    left_keys text[] NOT NULL,
    value bytea,
    deleted boolean DEFAULT false NOT NULL,
    event_type text,
    event bytea,
    actor text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT outbox__op__known CHECK ((op = ANY (ARRAY['create'::text, 'update'::text, 'delete'::text]))),
    CONSTRAINT outbox__value__size CHECK ((octet_length(value) <= 8192))
);
COMMENT ON COLUMN public.outbox.keys IS 'part keys that hold the row after the change';
COMMENT ON COLUMN public.outbox.left_keys IS 'part keys that held it before and no longer do';
COMMENT ON COLUMN public.outbox.value IS 'the entity message without its revision; null: too large, caches ask PostgreSQL';
COMMENT ON COLUMN public.outbox.deleted IS 'the row is softly deleted: parts keep it, a Get says NOT_FOUND';
CREATE TABLE public.quality_flags (
    flag_id text NOT NULL COLLATE pg_catalog."C",
    asset_id text NOT NULL COLLATE pg_catalog."C",
    flag_type smallint NOT NULL,
    severity smallint NOT NULL,
    source text NOT NULL,
    reason text NOT NULL,
    evidence_url text,
    raised_at timestamp with time zone DEFAULT now() NOT NULL,
    resolved_at timestamp with time zone,
    resolved_by text,
    resolution_notes text,
    metadata jsonb,
    deleted_at timestamp with time zone,
    revision bigint DEFAULT 0 NOT NULL,
    CONSTRAINT quality_flags__description__length CHECK (((char_length(reason) >= 1) AND (char_length(reason) <= 4000))),
    CONSTRAINT quality_flags__evidence_url__length CHECK ((char_length(evidence_url) <= 2000)),
    CONSTRAINT quality_flags__flag_type__known CHECK (((flag_type >= 1) AND (flag_type <= 9))),
    CONSTRAINT quality_flags__resolution_notes__length CHECK ((char_length(resolution_notes) <= 4000)),
    CONSTRAINT quality_flags__resolved_by__length CHECK (((char_length(resolved_by) >= 1) AND (char_length(resolved_by) <= 256))),
    CONSTRAINT quality_flags__severity__known CHECK (((severity >= 1) AND (severity <= 5))),
    CONSTRAINT quality_flags__source__length CHECK (((char_length(source) >= 1) AND (char_length(source) <= 256)))
)
WITH (fillfactor='50');
CREATE TABLE public.relationships (
    relationship_id text NOT NULL COLLATE pg_catalog."C",
    from_asset_id text NOT NULL COLLATE pg_catalog."C",
    to_asset_id text NOT NULL COLLATE pg_catalog."C",
    relationship_type smallint NOT NULL,
    conversion_rate numeric,
    protocol text,
    description text,
    metadata jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    CONSTRAINT relationships__conversion_rate__positive CHECK (((conversion_rate > (0)::numeric) AND (conversion_rate < 'Infinity'::numeric))),
    CONSTRAINT relationships__description__length CHECK ((char_length(description) <= 4000)),
    CONSTRAINT relationships__protocol__length CHECK (((char_length(protocol) >= 1) AND (char_length(protocol) <= 256))),
    CONSTRAINT relationships__relationship_type__known CHECK (((relationship_type >= 1) AND (relationship_type <= 8))),
    CONSTRAINT relationships__target_asset_id__self CHECK ((from_asset_id <> to_asset_id))
)
WITH (fillfactor='50');
CREATE TABLE public.relay_cursors (
    relay text NOT NULL,
    epoch uuid NOT NULL,
    revision bigint NOT NULL
);
CREATE TABLE public.symbol_identifiers (
    identifier_id text NOT NULL COLLATE pg_catalog."C",
    symbol_id text NOT NULL COLLATE pg_catalog."C",
    data_source smallint NOT NULL,
    external_id text NOT NULL COLLATE pg_catalog."C",
    is_primary boolean DEFAULT false NOT NULL,
    metadata jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    revision bigint DEFAULT 0 NOT NULL,
    CONSTRAINT symbol_identifiers__data_source__known CHECK (((data_source >= 1) AND (data_source <= 5))),
    CONSTRAINT symbol_identifiers__external_id__length CHECK (((char_length(external_id) >= 1) AND (char_length(external_id) <= 256)))
)
WITH (fillfactor='50');
CREATE TABLE public.symbols (
    symbol_id text NOT NULL COLLATE pg_catalog."C",
    symbol text NOT NULL,
    symbol_type smallint NOT NULL,
    base_asset_id text NOT NULL COLLATE pg_catalog."C",
    quote_asset_id text NOT NULL COLLATE pg_catalog."C",
    settlement_asset_id text COLLATE pg_catalog."C",
    margin_kind text,
    tick_size numeric,
    lot_size numeric,
    min_order_size numeric,
    max_order_size numeric,
    min_notional numeric,
    contract_size numeric,
    expiry timestamp with time zone,
    strike_price numeric,
    option_type smallint,
    is_active boolean DEFAULT true NOT NULL,
    delisted_at timestamp with time zone,
    metadata jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    revision bigint DEFAULT 0 NOT NULL,
    CONSTRAINT symbols__contract_size_decimal__positive CHECK (((contract_size > (0)::numeric) AND (contract_size < 'Infinity'::numeric))),
    CONSTRAINT symbols__expiry__kind CHECK (((symbol_type = ANY (ARRAY[3, 4])) = (expiry IS NOT NULL))),
    CONSTRAINT symbols__lot_size__positive CHECK (((lot_size > (0)::numeric) AND (lot_size < 'Infinity'::numeric))),
    CONSTRAINT symbols__margin_kind__known CHECK ((margin_kind = ANY (ARRAY['linear'::text, 'inverse'::text, 'quanto'::text]))),
    CONSTRAINT symbols__max_order_size_decimal__order CHECK ((min_order_size < max_order_size)),
    CONSTRAINT symbols__max_order_size_decimal__range CHECK (((max_order_size > (0)::numeric) AND (max_order_size < 'Infinity'::numeric))),
    CONSTRAINT symbols__min_notional_decimal__range CHECK (((min_notional >= (0)::numeric) AND (min_notional < 'Infinity'::numeric))),
    CONSTRAINT symbols__min_order_size_decimal__range CHECK (((min_order_size >= (0)::numeric) AND (min_order_size < 'Infinity'::numeric))),
    CONSTRAINT symbols__option_type__kind CHECK (((symbol_type = 4) = (option_type IS NOT NULL))),
    CONSTRAINT symbols__option_type__known CHECK (((option_type >= 1) AND (option_type <= 2))),
    CONSTRAINT symbols__settlement_asset_id__kind CHECK (
CASE
    WHEN (symbol_type = ANY (ARRAY[1, 5])) THEN ((settlement_asset_id IS NULL) AND (margin_kind IS NULL))
    ELSE ((settlement_asset_id IS NOT NULL) AND (margin_kind IS NOT NULL))
END),
    CONSTRAINT symbols__strike_price_decimal__kind CHECK (((symbol_type = 4) = (strike_price IS NOT NULL))),
    CONSTRAINT symbols__strike_price_decimal__positive CHECK (((strike_price > (0)::numeric) AND (strike_price < 'Infinity'::numeric))),
    CONSTRAINT symbols__symbol__length CHECK (((char_length(symbol) >= 1) AND (char_length(symbol) <= 256))),
    CONSTRAINT symbols__symbol_type__known CHECK (((symbol_type >= 1) AND (symbol_type <= 5))),
    CONSTRAINT symbols__tick_size__positive CHECK (((tick_size > (0)::numeric) AND (tick_size < 'Infinity'::numeric)))
)
WITH (fillfactor='50');
CREATE TABLE public.venue_assets (
    venue_id text NOT NULL COLLATE pg_catalog."C",
    asset_id text NOT NULL COLLATE pg_catalog."C",
    venue_asset_symbol text NOT NULL COLLATE pg_catalog."C",
    venue_asset_aliases text[] COLLATE pg_catalog."C",
    deployment_id text COLLATE pg_catalog."C",
    identity_evidence text,
    deposit_enabled boolean,
    withdraw_enabled boolean,
    trading_enabled boolean,
    min_deposit numeric,
    min_withdrawal numeric,
    withdrawal_fee numeric,
    deposit_fee numeric,
    listed_at timestamp with time zone,
    delisted_at timestamp with time zone,
    is_active boolean DEFAULT true NOT NULL,
    metadata jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    CONSTRAINT venue_assets__delisted_at__order CHECK ((listed_at < delisted_at)),
    CONSTRAINT venue_assets__deposit_fee_decimal__range CHECK (((deposit_fee >= (0)::numeric) AND (deposit_fee < 'Infinity'::numeric))),
    CONSTRAINT venue_assets__identity_evidence__length CHECK (((char_length(identity_evidence) >= 1) AND (char_length(identity_evidence) <= 256))),
    CONSTRAINT venue_assets__min_deposit_decimal__range CHECK (((min_deposit >= (0)::numeric) AND (min_deposit < 'Infinity'::numeric))),
    CONSTRAINT venue_assets__min_withdrawal_decimal__range CHECK (((min_withdrawal >= (0)::numeric) AND (min_withdrawal < 'Infinity'::numeric))),
    CONSTRAINT venue_assets__venue_asset_symbol__length CHECK (((char_length(venue_asset_symbol) >= 1) AND (char_length(venue_asset_symbol) <= 128))),
    CONSTRAINT venue_assets__withdrawal_fee_decimal__range CHECK (((withdrawal_fee >= (0)::numeric) AND (withdrawal_fee < 'Infinity'::numeric)))
)
WITH (fillfactor='50');
CREATE TABLE public.venue_symbols (
    listing_id text NOT NULL COLLATE pg_catalog."C",
    venue_id text NOT NULL COLLATE pg_catalog."C",
    symbol_id text NOT NULL COLLATE pg_catalog."C",
    symbol_type smallint NOT NULL,
    venue_symbol text NOT NULL COLLATE pg_catalog."C",
    is_active boolean DEFAULT true NOT NULL,
    maker_fee numeric,
    taker_fee numeric,
    min_order_value numeric,
    max_order_value numeric,
    min_notional numeric,
    max_leverage numeric,
    tick_size numeric,
    lot_size numeric,
    min_order_size numeric,
    max_order_size numeric,
    contract_size numeric,
    quantity_multiplier numeric,
    listed_at timestamp with time zone,
    delisted_at timestamp with time zone,
    metadata jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    CONSTRAINT venue_symbols__contract_size_decimal__positive CHECK (((contract_size > (0)::numeric) AND (contract_size < 'Infinity'::numeric))),
    CONSTRAINT venue_symbols__delisted_at__order CHECK ((listed_at < delisted_at)),
    CONSTRAINT venue_symbols__lot_size_decimal__positive CHECK (((lot_size > (0)::numeric) AND (lot_size < 'Infinity'::numeric))),
    CONSTRAINT venue_symbols__maker_fee__range CHECK (((maker_fee >= ('-1'::integer)::numeric) AND (maker_fee <= (1)::numeric))),
    CONSTRAINT venue_symbols__max_leverage_decimal__range CHECK (((max_leverage > (0)::numeric) AND (max_leverage < 'Infinity'::numeric))),
    CONSTRAINT venue_symbols__max_order_size_decimal__order CHECK ((min_order_size < max_order_size)),
    CONSTRAINT venue_symbols__max_order_size_decimal__range CHECK (((max_order_size > (0)::numeric) AND (max_order_size < 'Infinity'::numeric))),
    CONSTRAINT venue_symbols__max_order_value_decimal__order CHECK ((min_order_value < max_order_value)),
    CONSTRAINT venue_symbols__max_order_value_decimal__range CHECK (((max_order_value > (0)::numeric) AND (max_order_value < 'Infinity'::numeric))),
    CONSTRAINT venue_symbols__min_notional_decimal__range CHECK (((min_notional >= (0)::numeric) AND (min_notional < 'Infinity'::numeric))),
    CONSTRAINT venue_symbols__min_order_size_decimal__range CHECK (((min_order_size >= (0)::numeric) AND (min_order_size < 'Infinity'::numeric))),
    CONSTRAINT venue_symbols__min_order_value_decimal__range CHECK (((min_order_value >= (0)::numeric) AND (min_order_value < 'Infinity'::numeric))),
    CONSTRAINT venue_symbols__quantity_multiplier_decimal__not_zero CHECK (((quantity_multiplier <> (0)::numeric) AND (quantity_multiplier > '-Infinity'::numeric) AND (quantity_multiplier < 'Infinity'::numeric))),
    CONSTRAINT venue_symbols__taker_fee__range CHECK (((taker_fee >= (0)::numeric) AND (taker_fee <= (1)::numeric))),
    CONSTRAINT venue_symbols__tick_size_decimal__positive CHECK (((tick_size > (0)::numeric) AND (tick_size < 'Infinity'::numeric))),
    CONSTRAINT venue_symbols__venue_symbol__length CHECK (((char_length(venue_symbol) >= 1) AND (char_length(venue_symbol) <= 128)))
)
WITH (fillfactor='50');
CREATE TABLE public.venues (
    venue_id text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL,
    venue_type smallint NOT NULL,
    chain_id text COLLATE pg_catalog."C",
    protocol_address text,
    website_url text,
    api_endpoint text,
    default_symbol_type smallint,
    is_active boolean DEFAULT true NOT NULL,
    metadata jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    CONSTRAINT venues__api_endpoint__length CHECK ((char_length(api_endpoint) <= 2000)),
    CONSTRAINT venues__default_symbol_type__known CHECK (((default_symbol_type >= 1) AND (default_symbol_type <= 5))),
    CONSTRAINT venues__name__length CHECK (((char_length(name) >= 1) AND (char_length(name) <= 256))),
    CONSTRAINT venues__protocol_address__length CHECK (((char_length(protocol_address) >= 1) AND (char_length(protocol_address) <= 1024))),
    CONSTRAINT venues__venue_slug__slug CHECK (((venue_id ~ '^[a-z0-9]+(-[a-z0-9]+)*$'::text) AND (char_length(venue_id) <= 64))),
    CONSTRAINT venues__venue_type__known CHECK (((venue_type >= 1) AND (venue_type <= 5))),
    CONSTRAINT venues__website_url__length CHECK ((char_length(website_url) <= 2000))
)
WITH (fillfactor='50');
INSERT INTO public.alembic_version VALUES ('0001');
INSERT INTO public.assets VALUES ('019a22c2-dfe0-7123-a033-3cdf3b2e9c68', 'BTC', 'BTC coin', 1, NULL, NULL, NULL, NULL, NULL, '2025-11-30 11:09:03.839792+00', '2025-11-30 11:09:03.839792+00', NULL, 1);
INSERT INTO public.assets VALUES ('019a22c2-e039-785c-815c-7d48e3e931e2', 'USDT', 'USDT coin', 1, NULL, NULL, NULL, NULL, NULL, '2025-11-30 11:09:03.925093+00', '2025-11-30 11:09:03.925093+00', NULL, 2);
INSERT INTO public.audit OVERRIDING SYSTEM VALUE VALUES (1, 1, 'asset', '019a22c2-dfe0-7123-a033-3cdf3b2e9c68', 'create', 'anonymous', 'CreateAsset', 'api', '{"name": [null, "BTC coin"], "symbol": [null, "BTC"], "asset_id": [null, "019a22c2-dfe0-7123-a033-3cdf3b2e9c68"], "asset_type": [null, 1], "created_at": [null, "2025-11-30T11:09:03.839792+00:00"], "updated_at": [null, "2025-11-30T11:09:03.839792+00:00"]}', '2025-11-30 11:09:03.839792+00');
INSERT INTO public.audit OVERRIDING SYSTEM VALUE VALUES (2, 2, 'asset', '019a22c2-e039-785c-815c-7d48e3e931e2', 'create', 'anonymous', 'CreateAsset', 'api', '{"name": [null, "USDT coin"], "symbol": [null, "USDT"], "asset_id": [null, "019a22c2-e039-785c-815c-7d48e3e931e2"], "asset_type": [null, 1], "created_at": [null, "2025-11-30T11:09:03.925093+00:00"], "updated_at": [null, "2025-11-30T11:09:03.925093+00:00"]}', '2025-11-30 11:09:03.925093+00');
INSERT INTO public.audit OVERRIDING SYSTEM VALUE VALUES (3, 3, 'venue', 'binance', 'create', 'anonymous', 'CreateVenue', 'api', '{"name": [null, "Binance"], "venue_id": [null, "binance"], "is_active": [null, true], "created_at": [null, "2025-11-30T11:09:03.946414+00:00"], "venue_type": [null, 1]}', '2025-11-30 11:09:03.946414+00');
INSERT INTO public.audit OVERRIDING SYSTEM VALUE VALUES (4, 4, 'symbol', '019a22c2-e06a-740b-a3c4-d782d133bb26', 'create', 'anonymous', 'CreateSymbol', 'api', '{"symbol": [null, "BTC/USDT"], "is_active": [null, true], "symbol_id": [null, "019a22c2-e06a-740b-a3c4-d782d133bb26"], "created_at": [null, "2025-11-30T11:09:03.978047+00:00"], "updated_at": [null, "2025-11-30T11:09:03.978047+00:00"], "symbol_type": [null, 1], "base_asset_id": [null, "019a22c2-dfe0-7123-a033-3cdf3b2e9c68"], "quote_asset_id": [null, "019a22c2-e039-785c-815c-7d48e3e931e2"]}', '2025-11-30 11:09:03.978047+00');
INSERT INTO public.audit OVERRIDING SYSTEM VALUE VALUES (5, 5, 'venue_symbol', '019a22c2-e07f-7dcb-8f0c-359d799a6c3f', 'create', 'anonymous', 'CreateVenueSymbol', 'api', '{"venue_id": [null, "binance"], "is_active": [null, true], "symbol_id": [null, "019a22c2-e06a-740b-a3c4-d782d133bb26"], "tick_size": [null, "0.01"], "listing_id": [null, "019a22c2-e07f-7dcb-8f0c-359d799a6c3f"], "symbol_type": [null, 1], "venue_symbol": [null, "BTCUSDT"]}', '2025-11-30 11:09:03.999617+00');
INSERT INTO public.audit OVERRIDING SYSTEM VALUE VALUES (6, 6, 'chain', 'ethereum', 'create', 'anonymous', 'CreateChain', 'api', '{"chain_id": [null, "ethereum"], "chain_name": [null, "Ethereum"], "chain_type": [null, "EVM"]}', '2025-11-30 11:09:04.013003+00');
INSERT INTO public.audit OVERRIDING SYSTEM VALUE VALUES (7, 7, 'quality_flag', '019a22c2-e094-7dc4-86b6-ff78fa70b47a', 'create', 'anonymous', 'RaiseQualityFlag', 'api', '{"reason": [null, "found out"], "source": [null, "desk"], "flag_id": [null, "019a22c2-e094-7dc4-86b6-ff78fa70b47a"], "asset_id": [null, "019a22c2-e039-785c-815c-7d48e3e931e2"], "severity": [null, 5], "flag_type": [null, 1], "raised_at": [null, "2025-11-30T11:09:04.020468+00:00"]}', '2025-11-30 11:09:04.020468+00');
INSERT INTO public.chains VALUES ('ethereum', 'Ethereum', NULL, 'EVM', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2025-11-30 11:09:04.013003+00', '2025-11-30 11:09:04.013003+00', 6);
INSERT INTO public.head VALUES (true, 'e2b3c1c7-a9a8-4203-9102-ca017f6f0c21', 7);
INSERT INTO public.outbox VALUES (1, '99e5a928-6576-428f-8771-2057a4e5f97a', 'asset', '019a22c2-dfe0-7123-a033-3cdf3b2e9c68', 'create', '{asset:019a22c2-dfe0-7123-a033-3cdf3b2e9c68}', '{}', '\x0a2430316132326332342d646665302d373132332d613033332d33636466336232653963363812034254431a0842544320636f696e20014a0c08cfb2b5d8061080ebb89003520c08cfb2b5d8061080ebb89003', false, 'cqc.events.v1.asset_created', '\x0a2439396535613932382d363537362d343238662d383737312d323035376134653566393761120c08cfb2b5d8061080cdc290031a09616e6f6e796d6f757322530a2430316132326332342d646665302d373132332d613033332d33636466336232653963363812034254431a0842544320636f696e20014a0c08cfb2b5d8061080ebb89003520c08cfb2b5d8061080ebb890032a03617069', 'anonymous', '2025-11-30 11:09:03.839792+00');
INSERT INTO public.outbox VALUES (2, '72efa9b5-a7fc-407c-ada3-2d4e43c3002d', 'asset', '019a22c2-e039-785c-815c-7d48e3e931e2', 'create', '{asset:019a22c2-e039-785c-815c-7d48e3e931e2}', '{}', '\x0a2430316132326332342d653033392d373835632d383135632d3764343865336539333165321204555344541a095553445420636f696e20014a0c08cfb2b5d8061088998fb903520c08cfb2b5d8061088998fb903', false, 'cqc.events.v1.asset_created', '\x0a2437326566613962352d613766632d343037632d616461332d326434653433633330303264120c08cfb2b5d8061098c096bb031a09616e6f6e796d6f757322550a2430316132326332342d653033392d373835632d383135632d3764343865336539333165321204555344541a095553445420636f696e20014a0c08cfb2b5d8061088998fb903520c08cfb2b5d8061088998fb9032a03617069', 'anonymous', '2025-11-30 11:09:03.925093+00');
INSERT INTO public.outbox VALUES (3, '0e36a0e5-a253-40e8-9957-fff9df5d41fb', 'venue', 'binance', 'create', '{venue:binance}', '{}', '\x0a0762696e616e6365120742696e616e6365180140014a0c08cfb2b5d80610b0c3a4c303', false, NULL, NULL, 'anonymous', '2025-11-30 11:09:03.946414+00');
INSERT INTO public.outbox VALUES (4, '461dedd5-c293-474f-9aff-52b42ff9c6ba', 'symbol', '019a22c2-e06a-740b-a3c4-d782d133bb26', 'create', '{symbol:019a22c2-e06a-740b-a3c4-d782d133bb26}', '{}', '\x0a2430316132326332342d653036612d373430622d613363342d64373832643133336262323612084254432f555344541801222430316132326332342d646665302d373132332d613033332d3363646633623265396336382a2430316132326332342d653033392d373835632d383135632d3764343865336539333165328001018a010c08cfb2b5d8061098a0afd20392010c08cfb2b5d8061098a0afd203', false, 'cqc.events.v1.symbol_created', '\x0a2434363164656464352d633239332d343734662d396166662d353262343266663963366261120c08cfb2b5d80610f8eeb4d2031a09616e6f6e796d6f7573229f010a2430316132326332342d653036612d373430622d613363342d64373832643133336262323612084254432f555344541801222430316132326332342d646665302d373132332d613033332d3363646633623265396336382a2430316132326332342d653033392d373835632d383135632d3764343865336539333165328001018a010c08cfb2b5d8061098a0afd20392010c08cfb2b5d8061098a0afd203', 'anonymous', '2025-11-30 11:09:03.978047+00');
INSERT INTO public.outbox VALUES (5, '0c19fbb6-3a73-4d71-8cea-fbe63295bff8', 'venue_symbol', '019a22c2-e07f-7dcb-8f0c-359d799a6c3f', 'create', '{listings:binance:BTCUSDT,symbol_listings:019a22c2-e06a-740b-a3c4-d782d133bb26}', '{}', '\x0a0762696e616e6365122430316132326332342d653036612d373430622d613363342d6437383264313333626232361a07425443555344542001c80c01d20c04302e3031820d2430316132326332342d653037662d376463622d386630632d333539643739396136633366', false, 'cqc.events.v1.venue_symbol_listed', '\x0a2430633139666262362d336137332d346437312d386365612d666265363332393562666638120c08cfb2b5d80610e8cedadc031a09616e6f6e796d6f7573226b0a0762696e616e6365122430316132326332342d653036612d373430622d613363342d6437383264313333626232361a07425443555344542001c80c01d20c04302e3031820d2430316132326332342d653037662d376463622d386630632d3335396437393961366333662801', 'anonymous', '2025-11-30 11:09:03.999617+00');
INSERT INTO public.outbox VALUES (6, '9d447b38-dd7c-466c-9eb3-a54dca44411a', 'chain', 'ethereum', 'create', '{chain:ethereum}', '{}', '\x0a08657468657265756d1208457468657265756d220345564d', false, 'cqar.events.v1.chain_registered', '\x0a2439643434376233382d646437632d343636632d396562332d613534646361343434313161120b08d0b2b5d80610f0f7a9061a09616e6f6e796d6f757322190a08657468657265756d1208457468657265756d220345564d2a03617069', 'anonymous', '2025-11-30 11:09:04.013003+00');
INSERT INTO public.outbox VALUES (7, 'b452b0df-bf14-46f2-97dd-c5246ee50f6c', 'quality_flag', '019a22c2-e094-7dc4-86b6-ff78fa70b47a', 'create', '{asset:019a22c2-e039-785c-815c-7d48e3e931e2}', '{}', '\x0a2430316132326332342d653039342d376463342d383662362d666637386661373062343761122430316132326332342d653033392d373835632d383135632d376434386533653933316532180120052a046465736b3209666f756e64206f7574420b08d0b2b5d80610a0a2e109', false, 'cqc.events.v1.quality_flag_raised', '\x0a2462343532623064662d626631342d343666322d393764642d633532343665653530663663120b08d0b2b5d80610e0a7f4091a046465736b226e0a2430316132326332342d653039342d376463342d383662362d666637386661373062343761122430316132326332342d653033392d373835632d383135632d376434386533653933316532180120052a046465736b3209666f756e64206f7574420b08d0b2b5d80610a0a2e1092a2430316132326332342d653033392d373835632d383135632d3764343865336539333165323001380542046465736b48015a09666f756e64206f7574', 'anonymous', '2025-11-30 11:09:04.020468+00');
INSERT INTO public.quality_flags VALUES ('019a22c2-e094-7dc4-86b6-ff78fa70b47a', '019a22c2-e039-785c-815c-7d48e3e931e2', 1, 5, 'desk', 'found out', NULL, '2025-11-30 11:09:04.020468+00', NULL, NULL, NULL, NULL, NULL, 7);
INSERT INTO public.relay_cursors VALUES ('events', 'e2b3c1c7-a9a8-4203-9102-ca017f6f0c21', 7);
INSERT INTO public.relay_cursors VALUES ('changes', 'e2b3c1c7-a9a8-4203-9102-ca017f6f0c21', 7);
INSERT INTO public.symbols VALUES ('019a22c2-e06a-740b-a3c4-d782d133bb26', 'BTC/USDT', 1, '019a22c2-dfe0-7123-a033-3cdf3b2e9c68', '019a22c2-e039-785c-815c-7d48e3e931e2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, '2025-11-30 11:09:03.978047+00', '2025-11-30 11:09:03.978047+00', NULL, 4);
INSERT INTO public.venue_symbols VALUES ('019a22c2-e07f-7dcb-8f0c-359d799a6c3f', 'binance', '019a22c2-e06a-740b-a3c4-d782d133bb26', 1, 'BTCUSDT', true, NULL, NULL, NULL, NULL, NULL, NULL, 0.01, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2025-11-30 11:09:03.999617+00', '2025-11-30 11:09:03.999617+00', 5);
INSERT INTO public.venues VALUES ('binance', 'Binance', 1, NULL, NULL, NULL, NULL, NULL, true, NULL, '2025-11-30 11:09:03.946414+00', '2025-11-30 11:09:03.946414+00', 3);
SELECT pg_catalog.setval('public.audit_audit_id_seq', 7, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (key_id);
ALTER TABLE ONLY public.asset_group_members
    ADD CONSTRAINT asset_group_members__asset_id__taken UNIQUE (group_id, asset_id);
ALTER TABLE ONLY public.asset_group_members
    ADD CONSTRAINT asset_group_members_pkey PRIMARY KEY (member_id);
ALTER TABLE ONLY public.asset_groups
    ADD CONSTRAINT asset_groups__name__taken UNIQUE (name);
ALTER TABLE ONLY public.asset_groups
    ADD CONSTRAINT asset_groups_pkey PRIMARY KEY (group_id);
ALTER TABLE ONLY public.asset_identifiers
    ADD CONSTRAINT asset_identifiers_pkey PRIMARY KEY (identifier_id);
ALTER TABLE ONLY public.assets
    ADD CONSTRAINT assets_pkey PRIMARY KEY (asset_id);
ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (audit_id);
ALTER TABLE ONLY public.chains
    ADD CONSTRAINT chains__caip2__taken UNIQUE (caip2);
ALTER TABLE ONLY public.chains
    ADD CONSTRAINT chains__chain_slug__taken PRIMARY KEY (chain_id);
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT deployments_pkey PRIMARY KEY (deployment_id);
ALTER TABLE ONLY public.head
    ADD CONSTRAINT head_pkey PRIMARY KEY (only_row);
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys__idempotency_key__taken PRIMARY KEY (principal, method, idempotency_key);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (revision);
ALTER TABLE ONLY public.quality_flags
    ADD CONSTRAINT quality_flags_pkey PRIMARY KEY (flag_id);
ALTER TABLE ONLY public.relationships
    ADD CONSTRAINT relationships__target_asset_id__taken UNIQUE (from_asset_id, to_asset_id, relationship_type);
ALTER TABLE ONLY public.relationships
    ADD CONSTRAINT relationships_pkey PRIMARY KEY (relationship_id);
ALTER TABLE ONLY public.relay_cursors
    ADD CONSTRAINT relay_cursors_pkey PRIMARY KEY (relay);
ALTER TABLE ONLY public.symbol_identifiers
    ADD CONSTRAINT symbol_identifiers_pkey PRIMARY KEY (identifier_id);
ALTER TABLE ONLY public.symbols
    ADD CONSTRAINT symbols__symbol_type__pair UNIQUE (symbol_id, symbol_type);
ALTER TABLE ONLY public.symbols
    ADD CONSTRAINT symbols_pkey PRIMARY KEY (symbol_id);
ALTER TABLE ONLY public.venue_assets
    ADD CONSTRAINT venue_assets__asset_id__taken PRIMARY KEY (venue_id, asset_id);
ALTER TABLE ONLY public.venue_symbols
    ADD CONSTRAINT venue_symbols__venue_symbol__taken EXCLUDE USING gist (hashtextextended(venue_symbol, (0)::bigint) WITH =, tstzrange(listed_at, delisted_at, '[)'::text) WITH &&, (((((venue_id || ':'::text) || symbol_type) || ':'::text) || venue_symbol)) WITH =);
ALTER TABLE ONLY public.venue_symbols
    ADD CONSTRAINT venue_symbols_pkey PRIMARY KEY (listing_id);
ALTER TABLE ONLY public.venues
    ADD CONSTRAINT venues__venue_slug__taken PRIMARY KEY (venue_id);
CREATE INDEX api_keys_by_principal ON public.api_keys USING btree (principal, key_id);
CREATE INDEX asset_group_members_by_asset ON public.asset_group_members USING btree (asset_id);
CREATE UNIQUE INDEX asset_identifiers__external_id__taken ON public.asset_identifiers USING btree (asset_id, source, external_id) WHERE (deleted_at IS NULL);
CREATE UNIQUE INDEX asset_identifiers__is_primary__taken ON public.asset_identifiers USING btree (asset_id, source) WHERE (is_primary AND (deleted_at IS NULL));
CREATE INDEX asset_identifiers_by_external_id ON public.asset_identifiers USING btree (external_id, source) WHERE (deleted_at IS NULL);
CREATE INDEX assets_by_category ON public.assets USING btree (category, asset_id) WHERE (deleted_at IS NULL);
CREATE INDEX assets_by_symbol ON public.assets USING btree (symbol) WHERE (deleted_at IS NULL);
CREATE INDEX assets_by_ticker ON public.assets USING btree (lower(symbol)) WHERE (deleted_at IS NULL);
CREATE INDEX assets_by_type ON public.assets USING btree (asset_type, asset_id) WHERE (deleted_at IS NULL);
CREATE INDEX assets_search ON public.assets USING gin (lower(symbol) public.gin_trgm_ops, lower(name) public.gin_trgm_ops) WHERE (deleted_at IS NULL);
CREATE INDEX audit_by_actor ON public.audit USING btree (actor, audit_id);
CREATE INDEX audit_by_row ON public.audit USING btree (entity, row_id, audit_id);
CREATE INDEX chains_by_native_asset ON public.chains USING btree (native_asset_id);
CREATE INDEX chains_by_type ON public.chains USING btree (chain_type, chain_id);
CREATE UNIQUE INDEX deployments__contract_address__taken ON public.deployments USING btree (chain_id, address) WHERE (deleted_at IS NULL);
CREATE UNIQUE INDEX deployments__is_canonical__taken ON public.deployments USING btree (asset_id, chain_id) WHERE (is_canonical AND (deleted_at IS NULL));
CREATE INDEX deployments_by_address ON public.deployments USING btree (address);
CREATE INDEX deployments_by_asset ON public.deployments USING btree (asset_id, deployment_id);
CREATE INDEX deployments_by_chain ON public.deployments USING btree (chain_id, deployment_id);
CREATE INDEX idempotency_keys_by_age ON public.idempotency_keys USING btree (created_at);
CREATE INDEX outbox_events ON public.outbox USING btree (revision) WHERE (event_type IS NOT NULL);
CREATE INDEX quality_flags_active ON public.quality_flags USING btree (asset_id) WHERE ((resolved_at IS NULL) AND (deleted_at IS NULL));
CREATE INDEX quality_flags_by_asset ON public.quality_flags USING btree (asset_id, flag_id);
CREATE INDEX quality_flags_by_severity ON public.quality_flags USING btree (severity, flag_id);
CREATE INDEX quality_flags_by_type ON public.quality_flags USING btree (flag_type, flag_id);
CREATE INDEX relationships_by_target ON public.relationships USING btree (to_asset_id, relationship_type);
CREATE INDEX relationships_by_type ON public.relationships USING btree (relationship_type, relationship_id);
CREATE UNIQUE INDEX symbol_identifiers__external_id__taken ON public.symbol_identifiers USING btree (symbol_id, data_source, external_id) WHERE (deleted_at IS NULL);
CREATE UNIQUE INDEX symbol_identifiers__is_primary__taken ON public.symbol_identifiers USING btree (symbol_id, data_source) WHERE (is_primary AND (deleted_at IS NULL));
CREATE INDEX symbol_identifiers_by_external_id ON public.symbol_identifiers USING btree (external_id, data_source) WHERE (deleted_at IS NULL);
CREATE UNIQUE INDEX symbols__base_asset_id__taken ON public.symbols USING btree (base_asset_id, quote_asset_id, settlement_asset_id, symbol_type, expiry, strike_price, option_type) NULLS NOT DISTINCT WHERE (deleted_at IS NULL);
CREATE INDEX symbols_by_base ON public.symbols USING btree (base_asset_id, symbol_id) WHERE (deleted_at IS NULL);
CREATE INDEX symbols_by_label ON public.symbols USING btree (lower(symbol)) WHERE (deleted_at IS NULL);
CREATE INDEX symbols_by_quote ON public.symbols USING btree (quote_asset_id, symbol_id) WHERE (deleted_at IS NULL);
CREATE INDEX symbols_by_settlement ON public.symbols USING btree (settlement_asset_id, symbol_id) WHERE (deleted_at IS NULL);
CREATE INDEX symbols_by_type ON public.symbols USING btree (symbol_type, symbol_id) WHERE (deleted_at IS NULL);
CREATE INDEX symbols_search ON public.symbols USING gin (lower(symbol) public.gin_trgm_ops) WHERE (deleted_at IS NULL);
CREATE INDEX venue_assets_by_alias ON public.venue_assets USING gin (venue_asset_aliases);
CREATE INDEX venue_assets_by_asset ON public.venue_assets USING btree (asset_id, venue_id);
CREATE INDEX venue_assets_by_code ON public.venue_assets USING btree (venue_id, venue_asset_symbol);
CREATE INDEX venue_assets_by_deployment ON public.venue_assets USING btree (deployment_id);
CREATE INDEX venue_symbols_by_symbol ON public.venue_symbols USING btree (symbol_id, listing_id);
CREATE INDEX venue_symbols_by_text ON public.venue_symbols USING btree (venue_id, venue_symbol);
CREATE INDEX venue_symbols_by_venue ON public.venue_symbols USING btree (venue_id, listing_id);
CREATE INDEX venues_by_chain ON public.venues USING btree (chain_id, venue_id);
CREATE INDEX venues_by_type ON public.venues USING btree (venue_type, venue_id);
ALTER TABLE ONLY public.asset_group_members
    ADD CONSTRAINT asset_group_members__asset_id__exists FOREIGN KEY (asset_id) REFERENCES public.assets(asset_id);
ALTER TABLE ONLY public.asset_group_members
    ADD CONSTRAINT asset_group_members__group_id__exists FOREIGN KEY (group_id) REFERENCES public.asset_groups(group_id);
ALTER TABLE ONLY public.asset_identifiers
    ADD CONSTRAINT asset_identifiers__asset_id__exists FOREIGN KEY (asset_id) REFERENCES public.assets(asset_id);
ALTER TABLE ONLY public.chains
    ADD CONSTRAINT chains__native_asset_id__exists FOREIGN KEY (native_asset_id) REFERENCES public.assets(asset_id);
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT deployments__asset_id__exists FOREIGN KEY (asset_id) REFERENCES public.assets(asset_id);
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT deployments__chain_id__exists FOREIGN KEY (chain_id) REFERENCES public.chains(chain_id);
ALTER TABLE ONLY public.quality_flags
    ADD CONSTRAINT quality_flags__asset_id__exists FOREIGN KEY (asset_id) REFERENCES public.assets(asset_id);
ALTER TABLE ONLY public.relationships
    ADD CONSTRAINT relationships__source_asset_id__exists FOREIGN KEY (from_asset_id) REFERENCES public.assets(asset_id);
ALTER TABLE ONLY public.relationships
    ADD CONSTRAINT relationships__target_asset_id__exists FOREIGN KEY (to_asset_id) REFERENCES public.assets(asset_id);
ALTER TABLE ONLY public.symbol_identifiers
    ADD CONSTRAINT symbol_identifiers__symbol_id__exists FOREIGN KEY (symbol_id) REFERENCES public.symbols(symbol_id);
ALTER TABLE ONLY public.symbols
    ADD CONSTRAINT symbols__base_asset_id__exists FOREIGN KEY (base_asset_id) REFERENCES public.assets(asset_id);
ALTER TABLE ONLY public.symbols
    ADD CONSTRAINT symbols__quote_asset_id__exists FOREIGN KEY (quote_asset_id) REFERENCES public.assets(asset_id);
ALTER TABLE ONLY public.symbols
    ADD CONSTRAINT symbols__settlement_asset_id__exists FOREIGN KEY (settlement_asset_id) REFERENCES public.assets(asset_id);
ALTER TABLE ONLY public.venue_assets
    ADD CONSTRAINT venue_assets__asset_id__exists FOREIGN KEY (asset_id) REFERENCES public.assets(asset_id);
ALTER TABLE ONLY public.venue_assets
    ADD CONSTRAINT venue_assets__deployment_id__exists FOREIGN KEY (deployment_id) REFERENCES public.deployments(deployment_id);
ALTER TABLE ONLY public.venue_assets
    ADD CONSTRAINT venue_assets__venue_id__exists FOREIGN KEY (venue_id) REFERENCES public.venues(venue_id);
ALTER TABLE ONLY public.venue_symbols
    ADD CONSTRAINT venue_symbols__symbol_id__exists FOREIGN KEY (symbol_id, symbol_type) REFERENCES public.symbols(symbol_id, symbol_type) ON UPDATE CASCADE;
ALTER TABLE ONLY public.venue_symbols
    ADD CONSTRAINT venue_symbols__venue_id__exists FOREIGN KEY (venue_id) REFERENCES public.venues(venue_id);
ALTER TABLE ONLY public.venues
    ADD CONSTRAINT venues__chain_id__exists FOREIGN KEY (chain_id) REFERENCES public.chains(chain_id);
