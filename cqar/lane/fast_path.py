"""The fast path: answers many requests of one read from the cache, for one write.

It handles three kinds of frames: HEADERS of a new request, DATA with a whole request, and WINDOW_UPDATE. Everything else
goes to `FrameReader.frame`, which implements all of HTTP/2. With `Lane(fast_path=False)` every frame goes there, and the
bytes that are sent are the same.
"""

from time import monotonic
from typing import Final

from cqar.lane import frames, grpc
from cqar.lane.frame_reader import FrameReader
from cqar.lane.frames import MAX_WINDOW, ProtocolError
from cqar.lane.limits import ANSWERED
from cqar.lane.requests import Requests
from cqar.lane.route_cache import SMALL_BLOCK
from cqar.lane.routing import Route, RouteKind
from cqar.lane.service import HitCounter
from cqar.lane.streams import Streams

# Type and flags of the frames of the fast path, as one number.
_REQUEST: Final = frames.HEADERS << 8 | frames.END_HEADERS
_MESSAGE: Final = frames.DATA << 8 | frames.END_STREAM
_WINDOW: Final = frames.WINDOW_UPDATE << 8

# Globals, since looking up an attribute of a module or class costs more.
_unpack: Final = frames.unpack_header
_HEADERS_PREFIX: Final = grpc.HEADERS_PREFIX
_DATA_PREFIXES: Final = grpc.DATA_PREFIXES
_TRAILERS: Final = grpc.TRAILERS
_UNARY: Final = RouteKind.UNARY


class FastPath:
    """The fast path of a connection."""

    __slots__ = ("_reader", "_requests", "_sender", "_streams")

    def __init__(self, streams: Streams, requests: Requests, reader: FrameReader) -> None:
        self._streams = streams
        self._sender = streams.sender
        self._requests = requests
        self._reader = reader

    # `read` is one function, since a function call costs more than most of its steps. One turn of its loop takes one frame,
    # or HEADERS together with the DATA that follows:
    #
    #                                  next frame
    #                                       |
    #          .----------------------------+--------------------------.---------------------.
    #          v                            v                          v                     v
    #   HEADERS, END_HEADERS         DATA, END_STREAM            WINDOW_UPDATE         anything else
    #          |                            |                          |                     |
    #   new unary request?           of a pending request?      of the connection,           |
    #   known block, else parse             |                   or of a pending request?     |
    #          |                            |                          |                     |
    #     yes  |   no: slow path       yes  |  no: slow path      yes  |  no: slow path      |
    #          v                            |                          v                     |
    #   DATA, END_STREAM follows?           |                   update the window            |
    #     |              |                  |                                                |
    #     | no           | yes              |                                                |
    #     v              v                  v                                                v
    #   keep it     .-----------------------------.                              .-----------------------.
    #   pending     |        cache lookup         |  no cached response,         | slow path:            |
    #               |                             |  or it does not fit -------> | Requests.whole, or    |
    #               '-----------------------------'  the windows                 | FrameReader.frame for |
    #                      | fits all windows                                    | a single frame        |
    #                      v                                                     '-----------------------'
    #               append HEADERS, DATA and trailers
    #               to the output, count the hit
    #
    # Local variables mirror the state of the connection, since they are cheaper than attributes. They are written back before
    # the slow path runs, and read again after it. The `finally` block writes them back at the end.
    def read(self, buffer: bytes, at: int, started: float) -> int:  # noqa: C901, PLR0912, PLR0915 - see the picture
        """Process all frames, on the fast path if possible. Returns the offset of the first incomplete frame.

        `started` is the `time.monotonic` of the read. Raises ProtocolError.
        """
        streams, requests, sender = self._streams, self._requests, self._sender
        live, pending = streams.live, streams.pending
        pop, known = pending.pop, requests.cache.blocks.get
        append = sender.out.append
        marks = requests.stale_marks
        marks_size = 0 if marks is None else len(marks.message)
        end = len(buffer)
        full = end - frames.HEADER
        # last: highest stream id. short: largest cached response for the fast path. room: maximum of pending requests.
        # left, allowance: bytes of DATA that may be sent, now and at the last write-back. received: bytes of DATA.
        # latest, run: the route of the last hit, and its hits in a row. counts: earlier runs.
        last, short = streams.last, sender.short
        room = streams.capacity() - len(live)
        left = allowance = sender.allowance()
        received = run = 0
        counts: list[tuple[HitCounter, int]] = []
        latest: Route | None = None
        try:
            while at <= full:
                high, length, type_flags, number = _unpack(buffer, at)
                after = at + 9 + length
                if after > end or high:
                    if high or length > frames.MAX_FRAME:
                        raise ProtocolError(frames.FRAME_SIZE_ERROR, "frame over SETTINGS_MAX_FRAME_SIZE")
                    break
                cached = None
                request = None
                if type_flags == _REQUEST:
                    if number > last and number & 1 and len(pending) < room and length <= SMALL_BLOCK:
                        block = buffer[at + 9 : after]
                        request = known(block)
                        if request is None:
                            last = streams.last = number
                            request = requests.parse(block)
                            if request[1].kind is not _UNARY:
                                sender.consume(allowance - left)
                                requests.begin(number, request, end=False)
                                short = sender.short
                                room = streams.capacity() - len(live)
                                left = allowance = sender.allowance()
                                at = after
                                continue
                        last = number
                        at = after
                        # Mostly the message follows immediately. Otherwise the request becomes pending.
                        if at <= full:
                            high, length, type_flags, follower = _unpack(buffer, at)
                            after = at + 9 + length
                        if at > full or type_flags != _MESSAGE or follower != number or after > end or high:
                            pending[number] = request
                            continue
                elif type_flags == _MESSAGE:
                    request = pop(number, None)
                elif type_flags == _WINDOW and length == 4:  # noqa: PLR2004 - a u32
                    increment = int.from_bytes(buffer[at + 9 : after], "big")
                    if number:
                        widened = pending.get(number)
                        if widened is not None and len(widened) == 3 and 0 < increment <= MAX_WINDOW - sender.initial_window:  # noqa: PLR2004
                            pending[number] = (*widened, increment)
                            at = after
                            continue
                    elif 0 < increment <= MAX_WINDOW - sender.window and not sender.sendable:
                        sender.window += increment
                        at = after
                        continue
                if request is not None:
                    cached = request[0](buffer[at + 9 : after])
                    if cached is not None:
                        size = len(cached) + marks_size
                        if size <= short and size <= left:
                            if marks is None:
                                append(buffer[at + 5 : at + 9].join((_HEADERS_PREFIX, _DATA_PREFIXES[size], cached, _TRAILERS)))
                            else:
                                append(marks.response(buffer[at + 5 : at + 9], cached))
                            left -= size - 5
                            received += length
                            route = request[1]
                            if route is latest:
                                run += 1
                            else:
                                if latest is not None:
                                    counts.append((latest.count_hits, run))
                                latest = route
                                run = 1
                            at = after
                            continue
                # The slow path.
                if length > frames.MAX_FRAME:
                    raise ProtocolError(frames.FRAME_SIZE_ERROR, "frame over SETTINGS_MAX_FRAME_SIZE")
                streams.last = max(streams.last, last)
                sender.consume(allowance - left)
                left = allowance
                payload = buffer[at + 9 : after]
                if request is None:
                    self._reader.frame(type_flags >> 8, type_flags & 0xFF, number & MAX_WINDOW, payload)
                else:
                    received += length
                    requests.whole(number, request, payload, cached)
                at = after
                if self._reader.open_block is not None:
                    return self._reader.read(buffer, at)
                last, short = streams.last, sender.short
                room = streams.capacity() - len(live)
                left = allowance = sender.allowance()
        finally:
            streams.last = max(streams.last, last)
            if received:
                self._reader.receive_window -= received
            if latest is not None:
                sender.consume(allowance - left)
                seconds = monotonic() - started
                hits = run
                for count_hits, many in counts:
                    count_hits(many, seconds)
                    hits += many
                latest.count_hits(run, seconds)
                if streams.bucket.level:
                    streams.bucket.drain(ANSWERED * hits)
        return at
