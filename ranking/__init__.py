"""Stage two: the candidates in order."""
