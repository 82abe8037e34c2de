import torch

torch.manual_seed(0)

import torch
from torch.utils.data import TensorDataset
X = torch.randn(100, 10)
y = torch.randint(0, 2, (100,))
ds = TensorDataset(X, y)

print(len(ds), ds[3])
print(ds.tensors[1].sum())
