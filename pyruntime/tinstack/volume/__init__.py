"""Volumes, attachments and backends (Block Storage API v3)."""
