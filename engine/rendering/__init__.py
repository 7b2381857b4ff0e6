"""Turns a field into pictures."""
