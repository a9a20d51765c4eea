"""What other programs import to reach cqar."""
