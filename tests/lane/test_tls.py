"""TLS with ALPN and with client certificates."""

import contextlib
import ssl
import subprocess
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from cqar.lane.grpc import framed
from cqar.lane.server import Lane
from cqar.lane.service import AuthRequest, Service
from tests.lane.peer import connected
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
