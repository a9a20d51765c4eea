"""Importers: what exchanges and token lists publish becomes rows of the registry, and what is not certain becomes a question.

A file is read and checked row by row, without the registry; what it says goes through admin's `Apply`, chunk by chunk.
`docs/importers.md` tells the sources, the mappings and the identity guard.
"""
