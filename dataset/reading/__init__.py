"""Readers of files and databases: pieces that are known again, and chunks that fit into memory."""
