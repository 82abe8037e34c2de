import torch
import torch.nn as nn

dropout = nn.Dropout(p=0.2)

print(dropout)
torch.manual_seed(0)
print(dropout(torch.ones(3, 6)))
print(dropout.eval()(torch.ones(4)))
