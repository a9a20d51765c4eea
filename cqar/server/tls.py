"""TLS: the certificate of this process, reloaded when its files change, and TLS for outgoing calls.

Files are checked when a connection starts, at most every few seconds. If they cannot be used, for example because a new
certificate has been written but its key has not, that is logged and the previous ones stay in use.
"""

import ipaddress
import os
import ssl
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cqar import config
from cqar.observability import logs

if TYPE_CHECKING:
    import grpc

_log = logs.logger("tls")

#: Minimum seconds between two checks of the files.
_CHECK_EVERY = 2.0


class TlsError(Exception):
    """The TLS settings cannot be used; `str()` gives the reason."""


class Material(NamedTuple):
    """The contents of the files in PEM; None for files that are not set."""

    certificate: bytes | None
    key: bytes | None
    authorities: bytes | None


class Files:
    """The files of a certificate, its key and certificate authorities. Thread-safe."""

    def __init__(self, certificate: str, key: str, authorities: str) -> None:
        self._paths = (certificate, key, authorities)
        self._lock = threading.Lock()
        self._checked = time.monotonic()
        self._stamp = self._stat()
        self._material = self._read()
        #: the number of reloads
        self.version = 0

    def current(self) -> tuple[int, Material]:
        """The contents of the files and their version."""
        with self._lock:
            now = time.monotonic()
            if now - self._checked >= _CHECK_EVERY:
                self._checked = now
                self._renew()
            return self.version, self._material

    def context(self, protocols: Sequence[str], *, client: bool = False) -> ssl.SSLContext:
        """An SSL context made of the current contents. Raises TlsError."""
        return _context(self._paths, protocols, client=client)

    def _renew(self) -> None:
        try:
            stamp = self._stat()
            if stamp == self._stamp:
                return
            material = self._read()
        except TlsError as error:
            _log.warning("tls_unfit", error=str(error))
            return
        self._stamp, self._material = stamp, material
        self.version += 1
        _log.info("tls_renewed", certificate=self._paths[0])

    def _stat(self) -> tuple[tuple[int, int, int], ...]:
        try:
            found = [os.stat(path) for path in self._paths if path]  # noqa: PTH116 - a setting, not yet known to be a path
        except OSError as error:
            raise _unreadable(error) from None
        return tuple((each.st_mtime_ns, each.st_ino, each.st_size) for each in found)

    def _read(self) -> Material:
        _context(self._paths, ())
        try:
            return Material(*(Path(path).read_bytes() if path else None for path in self._paths))
        except OSError as error:
            raise _unreadable(error) from None


def _unreadable(error: OSError) -> TlsError:
    return TlsError(f"cannot read {error.filename!r}: {error.strerror}")


def _context(paths: tuple[str, str, str], protocols: Sequence[str], *, client: bool = False) -> ssl.SSLContext:
    certificate, key, authorities = paths
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if client else ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if protocols:
        context.set_alpn_protocols(list(protocols))
    try:
        if certificate:
            context.load_cert_chain(certificate, key or None)
        if authorities:
            context.load_verify_locations(authorities)
            context.verify_mode = ssl.CERT_REQUIRED
    except ssl.SSLError as error:
        message = f"{certificate!r}, {key!r} and {authorities!r} do not match or are not PEM: {error.reason or 'not readable'}"
        raise TlsError(message) from None
    except OSError as error:
        raise _unreadable(error) from None
    return context


class Identity:
    """The server certificate of a process, and the authorities of client certificates."""

    def __init__(self, settings: config.Tls) -> None:
        if not settings.key:
            message = "tls.certificate is set, but tls.key, its private key, is not"
            raise TlsError(message)
        self._asks = bool(settings.client_ca)
        self._files = Files(settings.certificate, settings.key, settings.client_ca)

    def credentials(self) -> "grpc.ServerCredentials":
        """Credentials of a gRPC server; each new connection uses the current contents of the files."""
        import grpc  # noqa: PLC0415 - what starts the workers does without it

        served, material = self._files.current()

        def fetch() -> "grpc.ServerCertificateConfiguration | None":
            nonlocal served
            version, material = self._files.current()
            if version == served:
                return None
            served = version
            return _configuration(material)

        fetcher: Any = fetch  # None means: no change
        return grpc.dynamic_ssl_server_credentials(_configuration(material), fetcher, self._asks)

    def context(self, *protocols: str) -> ssl.SSLContext:
        """The SSL context of other servers, reloaded likewise. `protocols`: ALPN names."""
        current: tuple[int, ssl.SSLContext] = (self._files.current()[0], self._files.context(protocols))

        def choose(connection: Any, _name: str | None, _context: ssl.SSLContext) -> None:
            nonlocal current
            version, _ = self._files.current()
            if version != current[0]:
                try:
                    current = (version, self._files.context(protocols))
                except TlsError as error:
                    _log.warning("tls_unfit", error=str(error))
            connection.context = current[1]

        first = self._files.context(protocols)
        first.sni_callback = choose
        return first


def _configuration(material: Material) -> "grpc.ServerCertificateConfiguration":
    import grpc  # noqa: PLC0415 - as above

    pair = (material.key or b"", material.certificate or b"")
    return grpc.ssl_server_certificate_configuration([pair], root_certificates=material.authorities)


def identity(settings: config.Tls, host: str) -> Identity | None:
    """The certificate of a process that listens on `host`; None for plaintext.

    Raises TlsError if plaintext would leave this machine and is not allowed.
    """
    if settings.certificate:
        return Identity(settings)
    if settings.key or settings.client_ca:
        message = "tls.key and tls.client_ca require tls.certificate"
        raise TlsError(message)
    if not settings.plaintext_allowed and not _is_loopback(host):
        message = (
            f"plaintext on {host} is refused because keys and responses would cross the network unencrypted: set"
            " CQAR_TLS_CERTIFICATE and CQAR_TLS_KEY, or CQAR_TLS_PLAINTEXT_ALLOWED=true if a proxy terminates TLS"
        )
        raise TlsError(message)
    return None


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.startswith("unix:"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Outgoing:
    """TLS of outgoing calls: the trusted authorities and the client certificate."""

    def __init__(self, settings: config.Tls) -> None:
        self._files = Files(settings.certificate, settings.key, settings.server_ca)

    @property
    def version(self) -> int:
        """The number of reloads: after a change, new channels are needed."""
        return self._files.current()[0]

    def credentials(self) -> "grpc.ChannelCredentials":
        """Credentials made of the current contents of the files."""
        import grpc  # noqa: PLC0415 - as above

        _, material = self._files.current()
        return grpc.ssl_channel_credentials(material.authorities, material.key, material.certificate)


def outgoing(settings: config.Tls, address: str) -> Outgoing | None:
    """TLS for calls to the address; None for plaintext. Raises TlsError."""
    wanted = settings.certificate or settings.server_ca
    return Outgoing(settings) if wanted and not address.startswith("unix:") else None
