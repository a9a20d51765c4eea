"""Make text safe to show: `***` replaces API keys and the passwords and tokens of URLs; control characters are escaped."""

import json
import re

_API_KEY = re.compile(r"cqar_[a-z0-9]{1,16}_[a-z0-9]{12}_[a-z0-9]+")
#: The login of a URL: the password after the user name, or the lone token of a NATS URL.
_LOGIN = re.compile(r"""(\b[a-z]+://[^\s:/@"']*):[^\s"']*@|(\b(?:nats|tls|wss?)://)[^\s@"']+@""")


def without_keys(text: str) -> str:
    """Replace API keys. Example: `Bearer cqar_dev_..., sent` becomes `Bearer ***, sent`."""
    return _API_KEY.sub("***", text)


def redacted(text: str) -> str:
    """Replace API keys, and the passwords and tokens of URLs. Example: `postgresql://cqar:***@host/cqar`."""
    text = without_keys(text)
    return _LOGIN.sub(lambda found: f"{found[1]}:***@" if found[1] else f"{found[2]}***@", text) if "@" in text else text


def printable(text: str) -> str:
    r"""Escape control, format and other invisible characters, line breaks included. Example: ESC becomes `\x1b`.

    Names come from exchanges and token lists: printed as they are, they could control a terminal or reorder a line.
    """
    return text if text.isprintable() else "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def printable_json(text: str) -> str:
    r"""Escape the same characters in JSON text, where they occur in strings only. Example: ESC becomes `\u001b`."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text)
