"""Hashlight's engine: trains and renders radiance fields outside Blender. Importing it loads nothing heavy."""

__version__ = "0.1.0"
