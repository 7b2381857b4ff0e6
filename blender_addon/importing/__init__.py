"""Datasets of other programs, brought into the session folder, with their cameras in the scene."""
