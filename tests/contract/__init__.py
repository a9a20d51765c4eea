"""The wire contract, compared with the table that existing clients use."""
