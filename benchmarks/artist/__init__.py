"""Six scenes such as artists have, and what takes them through the extension: see ``benchmarks/artist_scenes.py``."""
