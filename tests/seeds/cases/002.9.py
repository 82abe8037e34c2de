import torch
x = torch.tensor([[1, 2, 3, 4], [11, 22, 33, 4]])
t = torch.nn.Threshold(10, 0)
print(t(x))
# tensor([[ 0,  0,  0,  0],
#         [11, 22, 33,  0]])

print(t)
