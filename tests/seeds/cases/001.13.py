import torch

import torch.nn as nn

conv_trans = nn.ConvTranspose2d(in_channels=32, out_channels=64, kernel_size=3, stride=2, padding=1, output_padding=1)

# 在输入特征图上进行反卷积
x = torch.randn(1, 32, 12, 12)
output = conv_trans(x)

print(output.size()) # 输出形状为 [1, 64, 25, 25]

print(nn.ConvTranspose2d(32, 64, 3, stride=2)(x).size())
print(nn.ConvTranspose2d(32, 64, 4, stride=2, padding=1, output_padding=1)(x).size())
print(nn.ConvTranspose2d(32, 64, 3, stride=2, padding=1)(x).size())
