"""Signed distances to the surfaces of meshes."""
