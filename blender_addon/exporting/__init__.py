"""Captures written as datasets of other programs, by the engine."""
