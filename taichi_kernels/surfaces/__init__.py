"""Surfaces made of triangles, and where rays meet them."""
