"""Networks that fields are made of."""
