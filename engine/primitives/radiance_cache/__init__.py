"""A radiance cache: the light of a path tracer, learnt while it is traced."""
