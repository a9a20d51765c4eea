"""One module per kind of document that can be imported."""
