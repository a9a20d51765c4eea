"""Logs, metrics, traces, spans and health: what operators see."""
