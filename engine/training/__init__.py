"""Training of any primitive, within a budget of time or steps."""
