import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

try:
    from rushlight.train import Accumulator, Animator, Timer, accuracy, evaluate_accuracy_gpu
except ImportError:
    from helpers import Accumulator, Animator, Timer, accuracy, evaluate_accuracy_gpu

def train_ch6(net, train_iter, test_iter, num_epochs, lr, device):
    # 初始化权重
    def init_weights(m):
        if type(m) == nn.Linear or type(m) == nn.Conv2d:
            nn.init.xavier_uniform_(m.weight)
    net.apply(init_weights)
    print('training on:', device)
    net.to(device)
    # 优化器
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    # 损失函数
    loss = nn.CrossEntropyLoss()
    animator = Animator(xlabel='epoch', xlim=[1, num_epochs],
                            legend=['train loss', 'train acc', 'test acc'])
    timer, num_batches = Timer(), len(train_iter) #迭代次数
    for epoch in range(num_epochs):
        # 训练损失之和，训练准确率之和，样本数
        metric = Accumulator(3)
        net.train()
        for i, (X, y) in enumerate(train_iter):
            timer.start()
            optimizer.zero_grad()
            X, y = X.to(device), y.to(device)
            y_hat = net(X)
            l = loss(y_hat, y)
            l.backward()
            optimizer.step()
            with torch.no_grad():
                metric.add(l * X.shape[0], accuracy(y_hat, y), X.shape[0])
            timer.stop()
            train_l = metric[0] / metric[2]
            train_acc = metric[1] / metric[2]
            if (i + 1) % (num_batches // 5) == 0 or i == num_batches - 1:
                animator.add(epoch + (i + 1) / num_batches,
                             (train_l, train_acc, None))
        test_acc = evaluate_accuracy_gpu(net, test_iter)
        animator.add(epoch + 1, (None, None, test_acc))
    print(f'loss: {train_l:.3f}, train acc: {train_acc:.3f}, '
          f'test acc: {test_acc:.3f}')
    assert f'{metric[2] * num_epochs / timer.sum():.1f} examples/sec '

torch.manual_seed(0)
net = nn.Sequential(
    nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(1176, 10)
)
data = TensorDataset(torch.randn(200, 1, 28, 28), torch.randint(0, 10, (200,)))
train_ch6(net, DataLoader(data, 20, shuffle=True), DataLoader(data, 20), 3, 0.5, torch.device('cpu'))
