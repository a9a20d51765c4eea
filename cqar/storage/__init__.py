"""One module per driver: PostgreSQL, NATS and Redis; and the migrations."""
