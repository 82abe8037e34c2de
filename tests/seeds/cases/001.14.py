import torch.nn as nn
import torch

class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1)
        self.fc1 = nn.Linear(16*8*8, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = self.conv1(x)
        x = x.view(-1, 16*8*8)
        x = self.fc1(x)
        x = self.fc2(x)
        return x

model = Net()

# named_parameters()方法获取网络层参数及名称
for name, param in model.named_parameters():
     print(name, param.data.shape)
