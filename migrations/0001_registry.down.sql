DROP TABLE venue_symbols, venue_assets, venues, symbol_identifiers, symbols, quality_flags, asset_group_members, asset_groups,
    relationships, asset_identifiers, deployments, chains, assets, idempotency_keys, api_keys, audit, relay_cursors, outbox, head;
