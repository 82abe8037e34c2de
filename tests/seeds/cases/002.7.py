import torch
from torch import nn

torch.manual_seed(0)


def make():
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 2))


net, net_load2 = make(), make()
x = torch.randn(16, 4)
net(x)

#保存
net=net.eval()
torch.save(net,'./model.pth')
torch.save(net.state_dict(),'./model-dict.pth')

#加载
net_load1=torch.load('./model.pth')
net_load1=net_load1.eval()
#或者
net_load2.load_state_dict(torch.load('./model-dict.pth'))
net_load2=net_load2.eval()

#此时net和net_load1、net_load2完全一样。

print(torch.equal(net(x), net_load1(x)), torch.equal(net(x), net_load2(x)))
print(net_load1)


import pickle


class Mine(nn.Linear):
    pass


torch.save(Mine(1, 1), 'mine.pth')
try:
    torch.load('mine.pth')
except Exception as error:
    print(isinstance(error, pickle.UnpicklingError), 'Weights only load failed' in str(error), '__main__.Mine' in str(error))
print(torch.load('mine.pth', weights_only=False))
