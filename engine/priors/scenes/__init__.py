"""Scenes that numbers alone make: shapes, materials, lights and cameras, drawn by a seed, and pictures of them."""
