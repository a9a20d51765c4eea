"""The documents: what they tell to type works, and what they say of the code is so."""
