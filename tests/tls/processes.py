"""Certificates of a test authority, processes that use them, and clients."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp
import grpc
import grpc.aio
import trustme

from cqar import config
from tests.client import Client
from tests.hotpath.stack import Process, process_of


class Pair(NamedTuple):
    """Where a certificate and its key are."""

    certificate: Path
    key: Path


class Authority:
    """An authority, and the files of what it has signed."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder / name
        self._folder.mkdir()
        self._signer = trustme.CA()
        self.file = self._folder / "ca.pem"
        self._signer.cert_pem.write_to_path(self.file)

    def issue(self, name: str) -> Pair:
        """A certificate for this machine, good for servers and for clients. One of the same name is replaced."""
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        made = self._signer.issue_cert("localhost", "127.0.0.1")
        pair.certificate.write_bytes(b"".join(each.bytes() for each in made.cert_chain_pems))
        made.private_key_pem.write_to_path(pair.key)
        return pair

    def context(self, pair: Pair | None = None) -> ssl.SSLContext:
        """The SSL context of a client that trusts this authority and presents the certificate."""
        context = ssl.create_default_context(cafile=self.file)
        if pair is not None:
            context.load_cert_chain(*pair)
        return context

    def credentials(self, pair: Pair | None = None) -> grpc.ChannelCredentials:
        """The same for gRPC."""
        certificate, key = (None, None) if pair is None else (each.read_bytes() for each in pair)
        return grpc.ssl_channel_credentials(self.file.read_bytes(), key, certificate)


class Secure(Client):
    """A client that speaks TLS."""

    def __init__(self, port: int, credentials: grpc.ChannelCredentials) -> None:
        super().__init__(port)
        # Channels to one address share a connection, unless they are told otherwise.
        options = (("grpc.use_local_subchannel_pool", 1),)
        self.channel = grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options)


class At(NamedTuple):
    """A process and its ports; ports that it does not have are 0."""

    process: Process
    grpc: int
    http: int
    metrics: int = 0


def port_of(address: str) -> int:
    """The port of `host:port`."""
    return int(address.rpartition(":")[2])


def variables(pair: Pair, client_ca: Path | None = None) -> dict[str, str]:
    """The settings with which a process uses the certificate."""
    asked = {} if client_ca is None else {"CQAR_TLS_CLIENT_CA": str(client_ca)}
    return {"CQAR_TLS_CERTIFICATE": str(pair.certificate), "CQAR_TLS_KEY": str(pair.key), **asked}


@asynccontextmanager
async def admin_process(settings: config.Settings, **given: str) -> AsyncIterator[At]:
    """A running admin."""
    with process_of("admin", settings, **given) as process:
        told = await process.says("admin_ready")
        yield At(process, port_of(told["grpc"]), port_of(told["http"]))


@asynccontextmanager
async def worker_process(settings: config.Settings, admin: At | None = None, **given: str) -> AsyncIterator[At]:
    """A running worker with a loaded cache."""
    address = {"CQAR_HOTPATH_ADMIN_ADDRESS": f"127.0.0.1:{1 if admin is None else admin.grpc}"}
    with process_of("hotpath", settings, **address, **given) as process:
        told = await process.says("hotpath_listening")
        await process.says("hotpath_ready")
        yield At(process, *(port_of(told[each]) for each in ("grpc", "http", "metrics")))


async def fetched(url: str, context: ssl.SSLContext | None = None) -> tuple[int, str]:
    """The status and text of a page. Raises aiohttp.ClientError."""
    async with (
        asyncio.timeout(20),
        aiohttp.ClientSession() as session,
        session.get(url, ssl=True if context is None else context) as response,
    ):
        return response.status, await response.text()


async def serial(port: int, context: ssl.SSLContext) -> str:
    """The serial number of the certificate that is shown to a new connection."""
    async with asyncio.timeout(20):
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        return str(writer.get_extra_info("peercert")["serialNumber"])
    finally:
        writer.transport.abort()
