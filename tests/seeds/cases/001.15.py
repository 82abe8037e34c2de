import torch

torch.manual_seed(0)

import torch.nn as nn
import torch

class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.layer = nn.Linear(5, 3)

    def forward(self, x):
        x = self.layer(x)
        return x

model = Net()

# 直接访问module的成员变量获取网络层参数
weight = model.layer.weight.data
bias = model.layer.bias.data
print(weight, bias)
