from collections import OrderedDict

import torch


class Net(torch.nn.Module):
    pass


print(torch.nn.Sequential(
    torch.nn.Conv2d(3, 32, 3, 1, 1),
    torch.nn.ReLU()))

self = Net()
self.conv=torch.nn.Sequential()
self.conv.add_module("conv1",torch.nn.Conv2d(3, 32, 3, 1, 1))
print(self)

self.conv = torch.nn.Sequential(
            OrderedDict(
                [
                    ("conv1", torch.nn.Conv2d(3, 32, 3, 1, 1)),
                    ("relu1", torch.nn.ReLU()),
                    ("pool", torch.nn.MaxPool2d(2))
                ]
            ))
print(self, self.conv[0] is self.conv.conv1)
