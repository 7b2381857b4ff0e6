"""The layouts: each says where the cameras of a capture stand. ``table`` lists them."""
