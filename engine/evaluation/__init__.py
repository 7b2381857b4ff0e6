"""How good a field is, in numbers and side by side."""
