import torch
import torch.nn as nn

# 初始化一个 BatchNorm2d
bn = nn.BatchNorm2d(num_features=3)

input = torch.randn(2, 3, 4, 4)
output = bn(input)

print(input.shape)
print(output.shape)
