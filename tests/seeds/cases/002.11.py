import torch

a = torch.tensor([1.1], requires_grad=True)
b = a * 2  # tensor([2.2000], grad_fn=<MulBackward0>)
print(b.add_(2))  # tensor([4.2000], grad_fn=<AddBackward0>)
with torch.no_grad():
    print(b.mul_(2))  # tensor([8.4000], grad_fn=<AddBackward0>)
    # 看见了吗，可以看到没有跟踪乘法的梯度，还是上面的加法的梯度函数，不过乘法是执行了的

print(b._version, b.requires_grad)
b.backward()
print(a.grad)
