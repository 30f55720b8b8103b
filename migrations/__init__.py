"""The database schema, from nothing to head."""
