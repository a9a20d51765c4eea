"""The routes and header blocks that a connection caches.

Only routes of proven callers are cached, and no long ones, so that strangers cannot fill memory that outlasts a call. The cache
is bounded in bytes, per connection and for all connections.
"""

from typing import Final

from cqar.lane.hpack import Field
from cqar.lane.limits import Limits, Usage
from cqar.lane.routing import Route
from cqar.lane.streams import Request

#: Largest header block in bytes that is cached, or that a pending request may have.
SMALL_BLOCK: Final = 1_024
#: Largest fields of a cached route in bytes: a long path, or a token with many claims.
_SMALL_ROUTE: Final = 4_096
#: Maximum of other fields in a cached header block.
_MAX_OTHERS: Final = 64
#: Maximum of cached header blocks and routes per connection.
_MAX_BLOCKS: Final = 32
_MAX_ROUTES: Final = 100
#: Bytes of a route, a block and a field, beside their texts.
_ROUTE: Final = 1_024
_BLOCK: Final = 512
_FIELD: Final = 96


class RouteCache:
    """The cache of a connection."""

    __slots__ = ("_blocks_size", "_limits", "_routes", "_routes_size", "_usage", "blocks")

    def __init__(self, limits: Limits, usage: Usage) -> None:
        self._limits = limits
        self._usage = usage
        self._routes: dict[tuple[Field, ...], Route] = {}
        #: requests by their header block, valid while the dynamic table of HPACK stays the same
        self.blocks: dict[bytes, Request] = {}
        self._routes_size = 0
        self._blocks_size = 0

    @property
    def size(self) -> int:
        """Bytes of all entries, about."""
        return self._routes_size + self._blocks_size

    def get(self, fields: tuple[Field, ...]) -> Route | None:
        """Return the cached route for routing fields."""
        return self._routes.get(fields)

    def add_route(self, route: Route) -> None:
        """Cache a route, if there is room."""
        text = sum(len(field.name) + len(field.value) for field in route.fields)
        if text > _SMALL_ROUTE:
            return
        size = _ROUTE + 2 * text  # as bytes, and as the text that the application got
        if len(self._routes) >= _MAX_ROUTES or self.size + size > self._limits.cached:
            self.clear()
        if self._reserve(size):
            self._routes_size += size
            self._routes[route.fields] = route

    def add_block(self, block: bytes, request: Request) -> None:
        """Cache the request of a header block, if there is room."""
        others = len(request[2])
        if len(block) > SMALL_BLOCK or others > _MAX_OTHERS:
            return
        size = _BLOCK + len(block) + _FIELD * others
        if len(self.blocks) >= _MAX_BLOCKS or self.size + size > self._limits.cached:
            self.clear_blocks()
        if self.size + size <= self._limits.cached and self._reserve(size):
            self._blocks_size += size
            self.blocks[block] = request

    def clear_blocks(self) -> None:
        """Drop all header blocks."""
        self._usage.cached -= self._blocks_size
        self._blocks_size = 0
        self.blocks.clear()

    def clear(self) -> None:
        """Drop everything."""
        self.clear_blocks()
        self._usage.cached -= self._routes_size
        self._routes_size = 0
        self._routes.clear()

    def _reserve(self, size: int) -> bool:
        """Count the bytes of an entry for all connections. Returns whether there is room."""
        if self._usage.cached + size > self._limits.all_cached:
            return False
        self._usage.cached += size
        return True
