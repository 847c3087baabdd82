"""Embeddings of products."""
