"""TLS with ALPN, and with certificates of clients."""

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
from tests.lane.running import GET, READY, Phonebook, dialled, serving, until


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority, and certificates of it for a server and for a client, made by openssl."""
    folder = tmp_path_factory.mktemp("tls")

    def run(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)  # noqa: S607 - where it is

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


async def test_a_client_of_grpc_calls_over_tls(server_side: ssl.SSLContext, credentials: grpc.ChannelCredentials) -> None:
    async with contextlib.AsyncExitStack() as stack:
        served = await stack.enter_async_context(serving(tls=server_side))
        channel = await stack.enter_async_context(grpc.aio.secure_channel(f"localhost:{served.port}", credentials))
        call: Any = channel.unary_unary(GET)
        for request in (b"short", b"longest", b"else"):
            assert await call(request) == READY.get(request, b"made of " + request)


async def test_a_client_that_does_not_agree_on_http_2_is_hung_up_on(
    server_side: ssl.SSLContext, client_side: ssl.SSLContext
) -> None:
    async with serving(tls=server_side) as served:
        async with connected(served.port, tls=client_side) as peer:
            assert await peer.ending() is None
        client_side.set_alpn_protocols(["h2"])
        async with connected(served.port, tls=client_side) as peer:
            await peer.send(peer.call(1))
            assert (await peer.answer(1)).data == framed(b"s")
            await peer.send(b"\0\0\0\6\0\0\0\0\0")
            assert await peer.ending() == 6
        await until(lambda: not served.lane.connections)


async def test_a_handshake_that_never_comes_leaves_nothing(server_side: ssl.SSLContext) -> None:
    async with serving(tls=server_side) as served:
        async with connected(served.port, greet=False) as peer:
            await peer.send(b"no handshake at all, far from it" * 10)
            assert await peer.ending() is None
        assert not served.lane.connections


async def test_the_certificate_of_a_client_decides_who_calls(certificates: Path, server_side: ssl.SSLContext) -> None:
    server_side.verify_mode = ssl.CERT_REQUIRED
    server_side.load_verify_locations(str(certificates / "ca.pem"))
    asked: list[AuthRequest] = []
    lane = Lane(Service(methods={GET: Phonebook()}, authorize=asked.append))
    port = await lane.listen("127.0.0.1", 0, tls=server_side)
    authority = (certificates / "ca.pem").read_bytes()
    own = [(certificates / f"feed.{kind}").read_bytes() for kind in ("key", "pem")]
    async with grpc.aio.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(authority, *own)) as channel:
        assert await channel.unary_unary(GET)(b"short") == b"s"  # type: ignore[arg-type]  # bytes
    certificate = asked[0].peer.certificate
    assert certificate is not None
    assert certificate["subject"] == ((("commonName", "feed"),),)
    async with grpc.aio.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(authority)) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(GET)(b"short")  # type: ignore[arg-type]  # bytes
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert len(asked) == 1
    await lane.stop(0)


async def test_large_answers_go_through_tls(server_side: ssl.SSLContext, certificates: Path) -> None:
    authority = grpc.ssl_channel_credentials((certificates / "ca.pem").read_bytes())
    async with serving(tls=server_side) as served:
        options = (("grpc.max_receive_message_length", 1 << 25),)
        async with grpc.aio.secure_channel(f"localhost:{served.port}", authority, options=options) as channel:
            assert await channel.unary_unary(GET)(b"size 7000000") == b"z" * 7_000_000  # type: ignore[arg-type]  # bytes


async def test_plain_text_needs_no_context() -> None:
    async with serving() as served, dialled(served.address) as channel:
        assert await channel.unary_unary(GET)(b"short") == b"s"
