"""Parameters, and what moves them."""
