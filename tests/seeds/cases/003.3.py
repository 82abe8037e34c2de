import torch

torch.manual_seed(0)
net1 = torch.nn.Sequential(torch.nn.Linear(1, 10), torch.nn.ReLU(), torch.nn.Linear(10, 1))

torch.save(net1, 'net.pkl')  # 保存整个网络
torch.save(net1.state_dict(), 'net_params.pkl')   # 只保存网络中的参数 (速度快, 占内存少)

# restore entire net1 to net2
net2 = torch.load('net.pkl')

# 新建 net3
net3 = torch.nn.Sequential(
    torch.nn.Linear(1, 10),
    torch.nn.ReLU(),
    torch.nn.Linear(10, 1)
)
# 将保存的参数复制到 net3
net3.load_state_dict(torch.load('net_params.pkl'))

x = torch.linspace(-1, 1, 5).unsqueeze(1)
print(torch.equal(net1(x), net2(x)), torch.equal(net1(x), net3(x)))
