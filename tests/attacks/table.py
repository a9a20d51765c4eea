"""All attacks by name. To add one, add it to a table of a module, and the module's table here."""

from tests.attacks.calls import CALLS
from tests.attacks.frames import FRAMES
from tests.attacks.http import HTTP
from tests.attacks.slow import SLOW
from tests.attacks.target import Attack

ATTACKS: dict[str, Attack] = {**FRAMES, **CALLS, **SLOW, **HTTP}
