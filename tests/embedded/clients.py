"""One word written into each server and read back, through the clients that cqar uses."""

import asyncio

import asyncpg
import nats
import nats.js.errors
import redis

from cqar.embedded import Server


def write(server: Server) -> None:
    """Keep the word in the server."""
    match server.name:
        case "postgres":
            query(server.url, "CREATE TABLE word AS SELECT 'kept' AS word")
        case "valkey":
            with redis.Redis.from_url(server.url) as client:
                client.set("word", "kept")
        case "nats":
            asyncio.run(_publish(server.url))


def read(server: Server) -> object:
    """The word that the server kept; None if it did not."""
    match server.name:
        case "postgres":
            return query(server.url, "SELECT word FROM word")
        case "valkey":
            with redis.Redis.from_url(server.url, decode_responses=True) as client:
                return client.get("word")
    return asyncio.run(_last(server.url))


def query(url: str, sql: str) -> object:
    """Run a statement; the first column of its first row."""

    async def fetch() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(fetch())


async def _publish(url: str) -> None:
    client = await nats.connect(url)
    await client.jetstream().add_stream(name="words", subjects=["word"])
    await client.jetstream().publish("word", b"kept")
    await client.close()


async def _last(url: str) -> str | None:
    client = await nats.connect(url)
    try:
        found = await client.jetstream().get_last_msg("words", "word")
    except nats.js.errors.NotFoundError:
        return None
    finally:
        await client.close()
    return None if found.data is None else found.data.decode()
