"""Assets and what belongs to them."""
