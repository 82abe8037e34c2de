import torch

torch.manual_seed(11)

import torch
import torch.nn as nn
import torch.optim as optim

# 定义一个简单的模型
class SimpleModel(nn.Module):
    def __init__(self):
        super(SimpleModel, self).__init__()
        self.linear = nn.Linear(2, 1)
        self.linear1 = nn.Linear(2, 1)
    def forward(self, x):
        # 定义模型的前向传播逻辑
        x = self.linear(x)
        return x
model = SimpleModel()

# 定义损失函数和优化器
criterion = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)

# 输入数据
inputs = torch.tensor([[1.0, 2.0]])

# 前向传播
outputs = model(inputs)

# 计算损失
loss = criterion(outputs, torch.tensor([[0.0]]))

# 反向传播和参数更新
loss.backward()
optimizer.step()

# 输出参数的属性
for param in model.parameters():
    print(f'Parameter: {param}')
    print(f' - Data: {param.data}')
    print(f' - Gradient: {param.grad}')
    print(f' - Requires Gradient: {param.requires_grad}')

print(loss)
