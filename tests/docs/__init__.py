"""The documents: their commands work, and they agree with the code."""
