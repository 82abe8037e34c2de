import torch
from torch import nn

lr = 0.01


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv3 = nn.Conv2d(1, 2, 3)
        self.conv4 = nn.Conv2d(2, 2, 3)
        self.conv5 = nn.Conv2d(2, 2, 3)


net = Net()

conv5_params = list(map(id, net.conv5.parameters()))
conv4_params = list(map(id, net.conv4.parameters()))
base_params = filter(lambda p: id(p) not in conv5_params + conv4_params,
                     net.parameters())
optimizer = torch.optim.SGD([
            {'params': base_params},
            {'params': net.conv5.parameters(), 'lr': lr * 100},
            {'params': net.conv4.parameters(), 'lr': lr * 100},
            ], lr=lr, momentum=0.9)

for group in optimizer.param_groups:
    print(len(group['params']), group['lr'])
print(optimizer)
