import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)


pre_net = Net()
pre_net.extra = nn.Linear(2, 2)

torch.save(pre_net.state_dict(), '.pkl')  # 保存一个训练好的模型
pretrained_dict = torch.load('.pkl')  # 加载模型的参数。
net = Net()  # 创建新的模型
net_state_dict = net.state_dict()  # 获取新模型的参数字典
pretrained_dict_l = {k:v for k,v in pretrained_dict.items() if k in net_state_dict}
# 将pretrained_dict里不属于net_state_dict的键去掉
net_state_dict.update(pretrained_dict_l)  # 然后更新新模型的参数字典
net.load_state_dict(net_state_dict)  # 最后，将更新了的参数字典放回到网络中

print(net.load_state_dict(net_state_dict))
print(torch.equal(net.fc.weight, pre_net.fc.weight))
try:
    net.load_state_dict(pretrained_dict)
except RuntimeError as error:
    print(error)
