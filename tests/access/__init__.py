"""Authentication, roles and restrictions of keys."""
