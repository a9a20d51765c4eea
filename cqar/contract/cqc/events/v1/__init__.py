"""Generated from events.proto: what is published after a write."""
