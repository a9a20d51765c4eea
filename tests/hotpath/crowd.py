"""Ten thousand listings, inserted into the tables directly, for a worker that starts afterwards."""

import asyncpg

#: Listings, at two venues alternately.
MANY = 10_000
_ROWS = f"""
INSERT INTO assets (asset_id, symbol, name, asset_type)
 SELECT 'a' || g, 'A' || g, 'Asset ' || g, 1 FROM generate_series(0, 500) g;
INSERT INTO venues (venue_id, name, venue_type) SELECT 'v' || g, 'Venue ' || g, 1 FROM generate_series(0, 1) g;
INSERT INTO symbols (symbol_id, symbol, symbol_type, base_asset_id, quote_asset_id, tick_size, lot_size, is_active)
 SELECT 's' || g, 'S' || g, 1, 'a' || g % 500 + 1, 'a0', 0.01, 0.001, true FROM generate_series(1, 500) g;
INSERT INTO venue_symbols (listing_id, venue_id, symbol_id, venue_symbol, symbol_type, is_active, tick_size)
 SELECT 'l' || g, 'v' || g % 2, 's' || g % 500 + 1, 'T' || g || 'USDT', 1, true, 0.5 FROM generate_series(0, {MANY - 1}) g;
UPDATE head SET seq = 1;
"""


async def crowd(connection: asyncpg.Connection) -> list[tuple[str, str]]:
    """Insert them; the venue and the text of each."""
    await connection.execute(_ROWS)
    await connection.execute("ANALYZE")
    return [(f"v{at % 2}", f"T{at}USDT") for at in range(MANY)]
