"""Other clients: the h2 package, h2load, nghttp, curl."""

import asyncio
import random
import shutil
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest

from cqar.lane.grpc import framed
from cqar.lane.limits import Limits
from tests.lane.peer import fields
from tests.lane.running import CACHED, GET, RunningLane, running_lane


class H2Client:
    """A client on the h2 package, which raises if the lane violates the protocol."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.machine = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.machine.initiate_connection()
        self.data: dict[int, bytes] = {}
        self.trailers: dict[int, dict[str, str]] = {}
        self.ended: set[int] = set()

    def call(self, message: bytes, *more: tuple[str, str]) -> int:
        number: int = self.machine.get_next_available_stream_id()
        self.machine.send_headers(number, fields(GET, *more))
        self.machine.send_data(number, framed(message), end_stream=True)
        self.data[number] = b""
        return number

    async def until_all_ended(self) -> None:
        async with asyncio.timeout(60):
            while self.ended != set(self.data):
                self._writer.write(self.machine.data_to_send())
                for event in self.machine.receive_data(await self._reader.read(50_000)):
                    self._take(event)
        self._writer.write(self.machine.data_to_send())

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.DataReceived):
            self.data[event.stream_id] += event.data
            self.machine.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived | h2.events.ResponseReceived):
            self.trailers[event.stream_id] = {str(name): str(value) for name, value in event.headers}
        elif isinstance(event, h2.events.StreamEnded):
            self.ended.add(event.stream_id)
        assert not isinstance(event, h2.events.ConnectionTerminated | h2.events.StreamReset), event


@pytest.mark.parametrize("table", [4_096, 0, 200])
async def test_the_h2_package_accepts_everything_that_the_lane_sends(table: int) -> None:
    """Windows, stream states, HPACK with several table sizes."""
    chance = random.Random(table)  # noqa: S311 - the same in every run
    async with running_lane(Limits(header_table=table)) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        client = H2Client(reader, writer)
        await client_greeted(client, reader)
        requests = {}
        for _ in range(20):
            for _ in range(chance.randrange(1, 20)):
                key = chance.choice([*CACHED, b"absent", b"else", b"metadata", b"size 40000"])
                requests[client.call(key, ("grpc-timeout", f"{chance.randrange(5, 99)}S"), ("x-id", str(chance.random())))] = (
                    key
                )
            await client.until_all_ended()
        for number, key in requests.items():
            status = client.trailers[number]["grpc-status"]
            if key in CACHED:
                assert (client.data[number], status) == (framed(CACHED[key]), "0")
            elif key == b"absent":
                assert (client.data[number], status) == (b"", "5")
            else:
                assert status == "0"
        assert client.machine.remote_settings.header_table_size == table
        writer.close()
    assert not running.recorder.ends


async def client_greeted(client: H2Client, reader: asyncio.StreamReader) -> None:
    """Receive the lane's settings first, since they change how headers are encoded."""
    client._writer.write(client.machine.data_to_send())
    client.machine.receive_data(await reader.read(50_000))


async def run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    return output.decode(errors="replace")


@pytest.fixture
def body(tmp_path: Path) -> str:
    path = tmp_path / "body"
    path.write_bytes(framed(b"long"))
    return str(path)


HEADERS = [
    part for name, value in (("te", "trailers"), ("content-type", "application/grpc")) for part in ("-H", f"{name}: {value}")
]


@pytest.mark.skipif(not shutil.which("h2load"), reason="h2load is not installed")
async def test_h2load_gets_every_response(running: RunningLane, body: str) -> None:
    output = await run("h2load", "-n", "4000", "-c", "4", "-m", "32", "-d", body, *HEADERS, f"http://{running.address}{GET}")
    assert "4000 succeeded, 0 failed" in output
    assert running.recorder.hit_count == 4_000
    assert running.recorder.reads < 4_000


@pytest.mark.skipif(not shutil.which("nghttp"), reason="nghttp is not installed")
async def test_nghttp_gets_a_response_with_trailers(running: RunningLane, body: str) -> None:
    output = await run("nghttp", "-v", "-d", body, *HEADERS, f"http://{running.address}{GET}")
    assert "grpc-status: 0" in output
    assert running.recorder.hit_count == 1


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
async def test_curl_gets_the_bytes_of_a_response(running: RunningLane, body: str, tmp_path: Path) -> None:
    response = tmp_path / "answer"
    to = ["--data-binary", f"@{body}", "-o", str(response), f"http://{running.address}{GET}"]
    await run("curl", "-s", "--http2-prior-knowledge", *HEADERS, *to)
    assert response.read_bytes() == framed(CACHED[b"long"])
    assert "505" in await run("curl", "-s", "-w", "%{http_code}", "--http2", *HEADERS, *to)
