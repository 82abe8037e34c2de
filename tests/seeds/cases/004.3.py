import torch

x = torch.tensor([1.0, 2.0], requires_grad=True)
y = x * x
z = y.sum()

print(torch.autograd.grad(z, y, retain_graph=True))

def variable_grad(grad):
    print(grad)
hook_handle = y.register_hook(variable_grad)
z.backward()
hook_handle.remove()  # 用完之后移除hook.
print(x.grad)
(x * x).sum().backward()
print(x.grad)
