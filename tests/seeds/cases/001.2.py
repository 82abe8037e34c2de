import torch

torch.manual_seed(0)

import torch
from torch.utils.data import TensorDataset, DataLoader

X = torch.randn(100, 10)
y = torch.randint(0, 2, (100,))
ds = TensorDataset(X, y)

loader = DataLoader(ds, batch_size=10, shuffle=True)

for batch_idx, (data, target) in enumerate(loader):
    # 进行训练或推理的代码
    pass

print(len(loader), type(loader))
print(batch_idx, type(next(iter(loader))), data.shape, data.dtype, target)
