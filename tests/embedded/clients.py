"""Write a word to each server and read it back, with the clients that cqar uses."""

import asyncio

import asyncpg
import nats
import nats.js.errors
import redis

from cqar.dev.embedded import Server


def write(server: Server, word: str) -> None:
    """Write a word."""
    match server.name:
        case "postgres":
            insert = f"INSERT INTO words VALUES ('{word}')"
            # A throwaway server does not wait for what it wrote to reach even the kernel.
            query(server.url, "SET synchronous_commit = on; CREATE TABLE IF NOT EXISTS words (word text); " + insert)
        case "valkey":
            with redis.Redis.from_url(server.url) as client:
                client.set("word", word)
        case _:
            asyncio.run(_publish(server.url, word))


def read(server: Server) -> object:
    """Read the word written last."""
    match server.name:
        case "postgres":
            return query(server.url, "SELECT word FROM words ORDER BY ctid DESC LIMIT 1")
        case "valkey":
            with redis.Redis.from_url(server.url, decode_responses=True) as client:
                return client.get("word")
    return asyncio.run(_last(server.url))


def query(url: str, sql: str) -> object:
    """Run SQL; return the first column of the first row, or None."""

    async def run() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql) if sql.startswith(("SELECT", "SHOW")) else await connection.execute(sql)
        finally:
            await connection.close()

    return asyncio.run(run())


async def _publish(url: str, word: str) -> None:
    client = await nats.connect(url)
    await client.jetstream().add_stream(name="words", subjects=["word"])
    await client.jetstream().publish("word", word.encode())
    await client.close()


async def _last(url: str) -> str | None:
    client = await nats.connect(url)
    try:
        found = await client.jetstream().get_last_msg("words", "word")
    finally:
        await client.close()
    return None if found.data is None else found.data.decode()
