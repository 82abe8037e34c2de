import torch

x = torch.tensor([1.0])
print(x)  # tensor([1.])
print(x.item())  # 1.0

x = torch.tensor([1.0, 2.0])
try:
    print(x.item())
except RuntimeError as error:
    print(str(error).splitlines()[0])
# ValueError: only one element tensors can be converted to Python scalars
print(x.tolist())  # [1.0, 2.0]

for convert in (float, int, bool, lambda t: t[:0].item(), lambda t: round(t[0])):
    try:
        convert(x)
    except Exception as error:
        print(type(error).__name__, str(error).splitlines()[0])
