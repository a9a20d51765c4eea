"""The HTTP API of admin: routes, JSON, problems, OpenAPI and streams."""
