"""Plain-torch twins of the kernels: the same functions by the same names and signatures, written for reading.

They say what a kernel must compute, and tests compare values and gradients with them. They are slow, take any device
and start no Taichi; only tests and benchmarks use them. Where a kernel leaves an order open (which ray's samples come
first), a twin packs in order.
"""
