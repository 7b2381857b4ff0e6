"""Radiance fields."""
