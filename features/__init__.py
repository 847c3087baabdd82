"""What the ranker sees, and the vectors that retrieval searches."""
