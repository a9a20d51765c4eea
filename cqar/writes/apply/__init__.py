"""`Apply`: many rows in chunks; each chunk is checked and written as sets."""
