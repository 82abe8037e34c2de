import torch
from torch import autograd

a, b, c = (torch.tensor(float(i), requires_grad=True) for i in (1, 2, 3))
y = 2 * a**2 + 2 * b + c

grads = autograd.grad(y, [a, b, c])

print(grads)
