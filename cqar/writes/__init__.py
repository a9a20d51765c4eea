"""Write operations: validation, transactions, lists, search, merges, reviews, keys and audit."""
