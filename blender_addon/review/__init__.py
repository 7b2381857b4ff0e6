"""How good the field is: captured views beside neural ones, scores and their curve, the worst views."""
