import torch
from torch import nn

in_channels, out_channels, kernel_size = 3, 16, 3
layer = torch.nn.Conv2d(in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True)
print(layer, layer.weight.shape, layer.bias.shape)
