"""Which asset a source means: evidence, verdicts and flags."""
