"""Trainable encodings: what turns positions into the features that networks read."""
