import torch
import torch.nn as nn

bn = nn.BatchNorm2d(128, eps=1e-05, momentum=0.1, affine=False, track_running_stats=True)
print(bn)
print(list(bn.state_dict()), list(bn.parameters()))

average = nn.BatchNorm2d(2, momentum=None)
for value in (1.0, 3.0):
    average(torch.full((2, 2, 2, 2), value))
print(average.running_mean, average.num_batches_tracked)

plain = nn.BatchNorm2d(2, track_running_stats=False)
print(plain.running_mean, plain.running_var, plain.num_batches_tracked)

torch.manual_seed(0)
layer = nn.BatchNorm2d(3)
layer(torch.randn(4, 3, 5, 5))
layer.eval()
x = torch.randn(2, 3, 5, 5)
shape = (1, 3, 1, 1)
mean, var = layer.running_mean.view(shape), layer.running_var.view(shape)
y = (x - mean) / torch.sqrt(var + layer.eps) * layer.weight.view(shape) + layer.bias.view(shape)
print(torch.allclose(layer(x), y, atol=1e-6))
