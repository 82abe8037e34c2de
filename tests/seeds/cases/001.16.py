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

# state_dict方法获取网络层参数
params_dict = model.state_dict()
weight = params_dict['layer.weight']
bias = params_dict['layer.bias']
print(weight, bias)

print(type(params_dict), params_dict._metadata)
