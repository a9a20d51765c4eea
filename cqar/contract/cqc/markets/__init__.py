"""Canonical symbols."""
