"""The wire contract, held against the table that existing clients are built on."""
