import torch

try:
    X = torch.ones(2, 3, device=torch.device('cuda'))
    X
except AssertionError as error:
    print(str(error).splitlines()[0])
