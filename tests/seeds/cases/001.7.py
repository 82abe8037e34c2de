import torch.nn as nn
import torch

# 定义卷积层
conv_layer = nn.Conv2d(in_channels=3, out_channels=64, kernel_size=3, stride=1, padding=1)

# 假设输入一个大小为 [batch_size, 3, 28, 28] 的张量 x
x = torch.randn(16, 3, 28, 28)

# 计算卷积层输出
output = conv_layer(x)

# 输出结果的大小: [batch_size, 64, 28, 28]
print(output.size())
