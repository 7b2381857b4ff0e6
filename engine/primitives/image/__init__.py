"""An image as a primitive: colour by position, learnt from the pixels of a file."""
