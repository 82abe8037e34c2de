import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, RandomSampler, WeightedRandomSampler

print(torch.gather(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([[0, 0], [1, 0]])))
print(F.pairwise_distance(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]), p=2, eps=1e-6).item())
scores, target = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([0, 1])
print(nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0]), ignore_index=0)(scores, target))
print(nn.BCELoss()(torch.tensor([0.3]), torch.ones(1)))
print(nn.BCEWithLogitsLoss(pos_weight=torch.tensor([2.0]))(torch.tensor([0.3]), torch.ones(1)))
print(nn.MarginRankingLoss(), nn.TripletMarginLoss())


class MyFn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return 2 * x * grad


a = torch.tensor([3.0], requires_grad=True)
out = MyFn.apply(a)
print(out)
out.backward()
print(a.grad)

print(type(DataLoader([1, 2]).sampler).__name__, type(DataLoader([1, 2], shuffle=True).sampler).__name__)
torch.manual_seed(0)
print(list(WeightedRandomSampler([0.1, 0.9, 0.4], 5)))
torch.manual_seed(0)
print(list(RandomSampler(range(5))))

torch.set_default_tensor_type('torch.DoubleTensor')
print(torch.zeros(2).dtype)
torch.set_default_tensor_type('torch.FloatTensor')
try:
    torch.set_default_tensor_type('torch.cuda.FloatTensor')
except TypeError as error:
    print(str(error).splitlines()[0])

net = nn.DataParallel(nn.Linear(2, 1))
print(list(net.state_dict()), net(torch.zeros(1, 2)).shape)
print(nn.parallel.data_parallel(net.module, torch.zeros(1, 2)).shape)
