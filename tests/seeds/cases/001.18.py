import torch

torch.manual_seed(0)

import torch
import torch.nn as nn

# 定义模型
class MyModel(nn.Module):
    def __init__(self):
        super(MyModel, self).__init__()
        self.linear = nn.Linear(10, 1)

    def forward(self, x):
        return self.linear(x)

model = MyModel()

# 保存模型参数
torch.save(model.state_dict(), 'model_params.pth')

# 加载模型参数
model.load_state_dict(torch.load('model_params.pth'))

print(model.load_state_dict(torch.load('model_params.pth')))
import zipfile
print(sorted(zipfile.ZipFile('model_params.pth').namelist()))
