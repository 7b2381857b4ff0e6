"""Where along rays a field is evaluated."""
