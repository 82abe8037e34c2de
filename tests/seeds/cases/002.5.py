import torch
from torch import nn

torch.manual_seed(0)


def make():
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 2))


net, net_load2 = make(), make()
x = torch.randn(16, 4)
net(x)

torch.save(net,'./model.pth')
# 或者
torch.save(net.state_dict(),'./model-dict.pth')

import os
print(sorted(f for f in os.listdir() if f.endswith('.pth')))
