import torch

x = torch.tensor(4.0, requires_grad=True)
torch.tanh(x).backward()
print(x.grad)
