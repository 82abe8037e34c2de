import torch

x = torch.tensor([1, 2, 3, 4])
print(x)  # tensor([1, 2, 3, 4])
print(x.shape)  # torch.Size([4])

x1 = x.expand(2, 4)
print(x1)
# tensor([[1, 2, 3, 4],
#         [1, 2, 3, 4]])
print(x1.shape)  # torch.Size([2, 4])

print(x.expand(2, 2, 1, 4).shape, torch.ones(3, 1).expand(-1, 4).shape)
for wrong in (lambda: torch.ones(2, 4).expand(1, 4), lambda: x.expand(4, 2)):
    try:
        wrong()
    except RuntimeError as error:
        print(str(error).splitlines()[0])
