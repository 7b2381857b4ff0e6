"""Turns views into a field."""
