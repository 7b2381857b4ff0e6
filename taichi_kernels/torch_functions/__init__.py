"""Functions that kernels are made of, in torch, over whole tensors: for fields whose gradients autograd finds.

They take any device and dtype, and start no Taichi. The kernels' twins are made of them too: tests that compare these
with the kernels hold both to the same values.
"""
