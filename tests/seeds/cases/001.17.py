import torch
from torch import nn

torch.manual_seed(0)
print(nn.Linear(8, 1).state_dict())
