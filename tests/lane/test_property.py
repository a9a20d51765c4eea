"""Properties: responses do not depend on the size of reads or on the path, and no input leaks resources."""

import asyncio
import random
import zlib
from collections.abc import Sequence

import pytest
from hyperframe.frame import Frame, HeadersFrame, PingFrame, RstStreamFrame, SettingsFrame, WindowUpdateFrame

from cqar.lane.connection import Connection
from cqar.lane.grpc import StaleMarks, framed
from cqar.lane.server import Lane
from cqar.lane.service import Service
from tests.lane.peer import PREFACE, Peer, fields
from tests.lane.running import CACHED, GET, OTHER, Phonebook, Recorder, authorize, pieces


class Wire(asyncio.Transport):
    """A transport that records what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.closed = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


class OfflineLane:
    """A lane without sockets."""

    def __init__(self, *, fast_path: bool = True, marks: StaleMarks | None = None) -> None:
        self.recorder = Recorder()
        methods = {GET: Phonebook(), OTHER: Phonebook()}
        self.lane = Lane(
            Service(methods=methods, authorize=authorize, observer=self.recorder, stale_marks=lambda _now: marks),
            fast_path=fast_path,
        )

    async def play(self, reads: Sequence[bytes]) -> bytes:
        """Return what the lane writes in response to these reads, after all calls."""
        connection, wire = Connection(self.lane), Wire()
        connection.connection_made(wire)
        for read in reads:
            connection.data_received(read)
        for _ in range(5):
            await asyncio.sleep(0)
        connection.connection_lost(None)
        for _ in range(3):
            await asyncio.sleep(0)
        usage = self.lane.state.usage
        assert (usage.calls, usage.buffered, usage.queued, usage.connections) == (0, 0, 0, 0)
        assert not connection.streams.live
        assert not connection.streams.pending
        assert not self.recorder.errors
        return bytes(wire.written)


def peer() -> Peer:
    return Peer(asyncio.StreamReader(), None)  # type: ignore[arg-type]  # only encodes frames


def conversation(chance: random.Random) -> bytes:  # noqa: C901 - one case after the other
    """Return a valid conversation: calls of every kind, window updates, pings and resets in random order."""
    from_client = peer()
    window = chance.choice([0, 20, 300, 65_535, 1 << 20])
    out: list[Frame | bytes] = [PREFACE, SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: window})]
    number = 1
    for _ in range(chance.randrange(1, 40)):
        key = chance.choice([*CACHED, b"absent", b"else", b"metadata", b"bug", b"x" * 3_000])
        header = fields(chance.choice([GET, OTHER, GET, "/un/known"]), ("x-id", str(chance.random())))
        match chance.randrange(11):
            case 0 | 1 | 2:
                out.append(from_client.call(number, key, header[:-1]))
            case 3:
                out.append(from_client.call(number, key, header))
            case 4:  # like grpcio
                out += [from_client.header(number), WindowUpdateFrame(number, 5), WindowUpdateFrame(0, 9)]
                out.append(from_client.data(number, framed(key), end=True))
            case 5:  # in parts
                out.append(from_client.header(number, header))
                data = framed(key)
                cut = chance.randrange(len(data) + 1)
                out += [from_client.data(number, data[:cut]), from_client.data(number, data[cut:], end=True)]
            case 6:
                out += [PingFrame(0, b"%08d" % number), WindowUpdateFrame(0, 1_000)]
            case 7:
                out += [from_client.header(number), RstStreamFrame(number, 8)]
            case 8:
                out.append(from_client.header(number, [*header, ("authorization", "Bearer wrong")], end=chance.random() < 0.5))
            case 9:
                out.append(from_client.header(number, header, end=True))
            case 10:
                packed = zlib.compress(key)
                data = b"\1" + len(packed).to_bytes(4, "big") + packed
                out += [
                    from_client.header(number, [*header, ("grpc-encoding", "deflate")]),
                    from_client.data(number, data, end=True),
                ]
        number += 2
    out += [WindowUpdateFrame(0, 1 << 22), SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: 1 << 22})]
    return b"".join(each.serialize() if isinstance(each, Frame) else each for each in out)


@pytest.mark.parametrize("seed", range(40))
async def test_responses_do_not_depend_on_the_size_of_reads(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same in every run
    data = conversation(chance)
    marks = StaleMarks(b"tail", (("cqar-stale", "true"),)) if seed % 4 == 3 else None
    offline = OfflineLane(marks=marks)
    whole = streams(await offline.play([data]))
    assert 0 in whole
    for _ in range(4):
        cuts = [chance.randrange(len(data)) for _ in range(chance.choice([1, 5, 100]))]
        assert streams(await offline.play(pieces(data, cuts))) == whole
    assert streams(await offline.play([data[at : at + 1] for at in range(len(data))])) == whole


@pytest.mark.parametrize("seed", range(60))
async def test_the_slow_path_sends_the_same_bytes_as_the_fast_path(seed: int) -> None:
    chance = random.Random(1_000 + seed)  # noqa: S311 - the same in every run
    marks = StaleMarks(b"tail", (("cqar-stale", "true"), ("age", "12"))) if seed % 3 == 2 else None
    data = conversation(chance)
    fast, slow = OfflineLane(marks=marks), OfflineLane(fast_path=False, marks=marks)
    assert await fast.play([data]) == await slow.play([data])
    assert fast.recorder.hit_count == slow.recorder.hit_count
    assert fast.recorder.calls == slow.recorder.calls


def streams(data: bytes) -> dict[int, list[tuple[int, int, bytes]]]:
    """Return type, flags and payload of the frames of each stream. Consecutive DATA is joined, since windows may split it.

    WINDOW_UPDATE of the connection depends on the reads, and is left out.
    """
    found: dict[int, list[tuple[int, int, bytes]]] = {}
    at = 0
    while at < len(data):
        size, kind, flags = int.from_bytes(data[at : at + 3], "big"), data[at + 3], data[at + 4]
        number = int.from_bytes(data[at + 5 : at + 9], "big")
        payload = data[at + 9 : at + 9 + size]
        at += 9 + size
        own = found.setdefault(number, [])
        if kind == 0 and own and own[-1][0] == 0:
            own[-1] = (0, flags, own[-1][2] + payload)
        elif not (kind == 8 and number == 0):
            own.append((kind, flags, payload))
    assert at == len(data)
    return found


@pytest.mark.parametrize("seed", range(40))
async def test_random_bytes_after_the_preface_are_handled(seed: int) -> None:
    """No exception, no leak, no call that never ends."""
    chance = random.Random(seed)  # noqa: S311 - the same in every run
    offline = OfflineLane()
    start = PREFACE + SettingsFrame(0).serialize()
    for _ in range(10):
        reads = [start, chance.randbytes(chance.choice([1, 9, 20, 500]))]
        assert streams(await offline.play(reads))


@pytest.mark.parametrize("seed", range(60))
async def test_corrupted_conversations_are_handled(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same in every run
    offline = OfflineLane(fast_path=seed % 3 != 0)
    for _ in range(6):
        data = bytearray(conversation(chance))
        for _ in range(chance.randrange(1, 6)):
            place = chance.randrange(len(PREFACE), len(data))
            match chance.randrange(3):
                case 0:
                    data[place] = chance.randrange(256)
                case 1:
                    del data[place : place + chance.randrange(1, 30)]
                case 2:
                    data[place:place] = chance.randbytes(chance.randrange(1, 30))
        cuts = [chance.randrange(len(data)) for _ in range(3)]
        assert streams(await offline.play(pieces(bytes(data), cuts)))


@pytest.mark.parametrize("seed", range(60))
async def test_random_plausible_frames_are_handled(seed: int) -> None:
    """Types, flags and streams mostly match."""
    chance = random.Random(seed)  # noqa: S311 - the same in every run
    offline = OfflineLane(fast_path=seed % 3 != 0)
    for _ in range(6):
        client = peer()
        out = [PREFACE, SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: chance.choice([0, 50, 100_000])}).serialize()]
        last = 1
        for _ in range(chance.randrange(60)):
            number = chance.choice([0, last, last, last, last + 2, chance.randrange(20)])
            kind = chance.choice([0, 0, 0, 1, 1, 1, 2, 3, 4, 6, 7, 8, 8, 9, 12])
            flags = chance.choice([0, 0, 1, 4, 4, 5, chance.randrange(256)])
            payload = chance.choice([b"", b"\0\0\0\5", framed(b"long"), b"\0\0\0\0", chance.randbytes(6), bytes(8)])
            if kind == 1:
                payload = HeadersFrame(1, client.encoder.encode(fields())).data
                last = max(last, number)
            out.append(len(payload).to_bytes(3, "big") + bytes((kind, flags)) + number.to_bytes(4, "big") + payload)
        assert streams(await offline.play([b"".join(out)]))
