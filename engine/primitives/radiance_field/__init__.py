"""Radiance fields, learnt from views."""
