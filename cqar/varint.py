"""Numbers as protobuf writes them: seven bits a byte, the lowest first, all but the last with the high bit."""


def varint(number: int) -> bytes:
    """The bytes of a number that is not negative."""
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - the bits of a varint
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
