"""Importers: data of exchanges and token lists becomes rows of the registry; uncertain identities become reviews.

A document is read and checked row by row, without the registry, then written through `Apply`, chunk by chunk.
`docs/importers.md` describes the sources, the mappings and the identity rules.
"""
