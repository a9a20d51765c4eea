"""Venues and their listings."""
