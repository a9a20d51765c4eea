"""All attacks by name. To add one, add it to a table of a module, and the module's table here."""

from tests.attacks.frames import FRAMES
from tests.attacks.target import Attack

ATTACKS: dict[str, Attack] = {**FRAMES}
