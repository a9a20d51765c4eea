"""The retry policy for clients, as the documents tell it."""

import json

from tests.docs import pages

PAGE = pages.ROOT / "docs" / "operations.md"


def documented() -> str:
    """The service config that docs/operations.md shows, as JSON."""
    [block] = [each for each in pages.blocks(PAGE) if each.language == "json" and "retryPolicy" in each.text]
    return json.dumps(json.loads(block.text))
