import warnings

import torch
from torch import nn
from torch.nn import init

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            init.xavier_uniform(self.conv1.weight)
            init.constant(self.conv1.bias, 0.1)
        for w in caught:
            print(w.category.__name__, w.message)


def xavier(param):
    init.xavier_uniform_(param)


def weights_init(m):
    if isinstance(m, nn.Conv2d):
        xavier(m.weight.data)
        xavier(m.bias.data)


net = Net()
print(net.conv1.weight[0, 0, 0], net.conv1.bias[:3])
try:
    net.apply(weights_init)
except ValueError as error:
    print(str(error).splitlines()[0])
