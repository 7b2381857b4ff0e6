"""A path tracer over triangles: materials, lights, and light's way from one to the other."""
