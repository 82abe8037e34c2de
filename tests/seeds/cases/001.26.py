import torch
from torch import nn

net = nn.Linear(2, 2)
try:
    net = net.to(device=torch.device('cuda'))
except AssertionError as error:
    print(str(error).splitlines()[0])
