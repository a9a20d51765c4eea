"""TLS with ALPN and with client certificates."""

import asyncio
import contextlib
import ssl
import subprocess
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from hyperframe.frame import SettingsFrame

from cqar.lane.grpc import framed
from cqar.lane.limits import Limits
from cqar.lane.server import Lane
from cqar.lane.service import AuthRequest, Service
from tests.lane.peer import PREFACE, Peer, connected
from tests.lane.running import CACHED, GET, Phonebook, dialled, running_lane, until


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a CA, and with certificates of a server and of a client."""
    folder = tmp_path_factory.mktemp("tls")

    def run(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)  # noqa: S607 - found on PATH

    extra = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    run("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority", "-days", "2", *extra)
    for name in ("localhost", "feed"):
        run("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / "ext").write_text(f"subjectAltName=DNS:{name}\n")
        issuer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext"]
        run("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *issuer)
    return folder


@pytest.fixture
def server_side(certificates: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "localhost.pem", certificates / "localhost.key")
    context.set_alpn_protocols(["h2"])
    return context


@pytest.fixture
def client_side(certificates: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificates / "ca.pem"))


@pytest.fixture
def credentials(certificates: Path) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials((certificates / "ca.pem").read_bytes())


async def test_a_grpc_client_calls_over_tls(server_side: ssl.SSLContext, credentials: grpc.ChannelCredentials) -> None:
    async with contextlib.AsyncExitStack() as stack:
        running = await stack.enter_async_context(running_lane(tls=server_side))
        channel = await stack.enter_async_context(grpc.aio.secure_channel(f"localhost:{running.port}", credentials))
        call: Any = channel.unary_unary(GET)
        for request in (b"short", b"longest", b"else"):
            assert await call(request) == CACHED.get(request, b"echo of " + request)


async def test_a_connection_without_alpn_h2_is_closed(server_side: ssl.SSLContext, client_side: ssl.SSLContext) -> None:
    async with running_lane(tls=server_side) as running:
        async with connected(running.port, tls=client_side) as peer:
            assert await peer.ending() is None
        client_side.set_alpn_protocols(["h2"])
        async with connected(running.port, tls=client_side) as peer:
            await peer.send(peer.call(1))
            assert (await peer.response(1)).data == framed(b"s")
            await peer.send(b"\0\0\0\6\0\0\0\0\0")
            assert await peer.ending() == 6
        await until(lambda: not running.lane.connections)


async def test_an_invalid_handshake_leaves_no_connection(server_side: ssl.SSLContext) -> None:
    async with running_lane(tls=server_side) as running:
        async with connected(running.port, greet=False) as peer:
            await peer.send(b"this is not a TLS handshake     " * 10)
            assert await peer.ending() is None
        assert not running.lane.connections


async def test_authorize_gets_the_client_certificate(certificates: Path, server_side: ssl.SSLContext) -> None:
    server_side.verify_mode = ssl.CERT_REQUIRED
    server_side.load_verify_locations(str(certificates / "ca.pem"))
    requests: list[AuthRequest] = []
    lane = Lane(Service(methods={GET: Phonebook()}, authorize=requests.append))
    port = await lane.listen("127.0.0.1", 0, tls=server_side)
    authority = (certificates / "ca.pem").read_bytes()
    own = [(certificates / f"feed.{kind}").read_bytes() for kind in ("key", "pem")]
    async with grpc.aio.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(authority, *own)) as channel:
        assert await channel.unary_unary(GET)(b"short") == b"s"  # type: ignore[arg-type]  # bytes
    certificate = requests[0].peer.certificate
    assert certificate is not None
    assert certificate["subject"] == ((("commonName", "feed"),),)
    async with grpc.aio.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(authority)) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(GET)(b"short")  # type: ignore[arg-type]  # bytes
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert len(requests) == 1
    await lane.stop(0)


async def test_large_responses_pass_through_tls(server_side: ssl.SSLContext, certificates: Path) -> None:
    authority = grpc.ssl_channel_credentials((certificates / "ca.pem").read_bytes())
    async with running_lane(tls=server_side) as running:
        options = (("grpc.max_receive_message_length", 1 << 25),)
        async with grpc.aio.secure_channel(f"localhost:{running.port}", authority, options=options) as channel:
            assert await channel.unary_unary(GET)(b"size 7000000") == b"z" * 7_000_000  # type: ignore[arg-type]  # bytes


async def test_plaintext_needs_no_context() -> None:
    async with running_lane() as running, dialled(running.address) as channel:
        assert await channel.unary_unary(GET)(b"short") == b"s"


async def half_open(stack: AsyncExitStack, port: int, host: str = "127.0.0.1") -> asyncio.StreamReader:
    """A connection on which no handshake begins."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(host, 0))
    stack.callback(writer.close)
    return reader


async def closed(reader: asyncio.StreamReader) -> None:
    """Wait until the lane has closed a connection."""
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""


async def test_half_open_handshakes_are_bounded(server_side: ssl.SSLContext, client_side: ssl.SSLContext) -> None:
    client_side.set_alpn_protocols(["h2"])
    async with running_lane(Limits(connections=40), tls=server_side) as running, AsyncExitStack() as stack:
        state, handshakes = running.lane.state, running.lane.handshakes
        opened = [await half_open(stack, running.port) for _ in range(60)]
        await until(lambda: state.strangers.refused["handshakes"] == 50)
        assert state.usage.connections == len(handshakes.running) == 10
        for reader in opened[:50]:
            await closed(reader)
        async with connected(running.port, tls=client_side) as peer:
            await peer.send(peer.call(1))
            assert (await peer.response(1)).data == framed(b"s")
            assert len(running.lane.connections) == 1
    assert not running.lane.state.usage.connections


async def test_a_network_with_many_handshakes_ends_none_of_another(server_side: ssl.SSLContext) -> None:
    async with running_lane(Limits(connections=40), tls=server_side) as running, AsyncExitStack() as stack:
        await half_open(stack, running.port, "127.0.0.2")
        for _ in range(30):
            await half_open(stack, running.port, "127.0.0.3")
        await until(lambda: running.lane.state.strangers.refused["handshakes"] == 21)
        assert [each.network for each in running.lane.handshakes.running] == ["127.0.0.2"] + ["127.0.0.3"] * 9


async def test_half_open_handshakes_of_an_address_are_bounded(server_side: ssl.SSLContext) -> None:
    async with running_lane(Limits(address_connections=2), tls=server_side) as running, AsyncExitStack() as stack:
        for _ in range(6):
            await half_open(stack, running.port)
        await until(lambda: running.lane.state.strangers.refused["connections"] == 4)
        assert running.lane.state.usage.connections == 2


async def test_half_open_handshakes_count_against_all_connections(
    server_side: ssl.SSLContext, client_side: ssl.SSLContext
) -> None:
    client_side.set_alpn_protocols(["h2"])
    async with running_lane(Limits(connections=8), tls=server_side) as running, AsyncExitStack() as stack:
        for _ in range(7):
            peer = await stack.enter_async_context(connected(running.port, tls=client_side))
            await peer.send(peer.call(1))
            await peer.response(1)
        opened = [await half_open(stack, running.port) for _ in range(3)]
        await until(lambda: running.lane.state.strangers.refused["connections"] == 2)
        assert running.lane.state.usage.connections == 8
        for reader in opened[1:]:
            await closed(reader)


async def test_a_handshake_times_out(server_side: ssl.SSLContext) -> None:
    async with running_lane(Limits(preface_timeout=0.1), tls=server_side) as running, AsyncExitStack() as stack:
        await closed(await half_open(stack, running.port))
        await until(lambda: not running.lane.state.usage.connections)


async def test_data_that_arrives_with_the_end_of_a_handshake_is_read(
    server_side: ssl.SSLContext, client_side: ssl.SSLContext
) -> None:
    """A client of TLS 1.3 may send its first data together with the last message of the handshake."""
    client_side.set_alpn_protocols(["h2"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    secure = client_side.wrap_bio(incoming, outgoing, server_hostname="localhost")
    async with running_lane(tls=server_side) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        async with asyncio.timeout(60):
            while True:
                try:
                    secure.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    writer.write(outgoing.read())
                    incoming.write(await reader.read(65_536))
            peer = Peer(reader, writer)
            secure.write(PREFACE + SettingsFrame(0, {}).serialize() + peer.call(1))
            writer.write(outgoing.read())
            received = b""
            while framed(b"s") not in received:
                incoming.write(await reader.read(65_536))
                with contextlib.suppress(ssl.SSLWantReadError):
                    while data := secure.read(65_536):
                        received += data
        writer.close()
