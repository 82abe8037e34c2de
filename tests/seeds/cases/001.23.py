i = 2

import torch
from torch import nn

torch.device('cpu'),
torch.device('cuda'), # cuda和cuda:0等价
torch.device('cuda:1'),
torch.device(f'cuda:{i}')

# 常用
device = 'cuda' if torch.cuda.is_available() else 'cpu'

print(torch.device('cpu'), repr(torch.device('cuda')), repr(torch.device('cuda:1')))
print(torch.device('cuda') == torch.device('cuda:0'), device)
print(torch.is_grad_enabled())
nn.Linear(1, 1).eval()
print(torch.is_grad_enabled())
with torch.no_grad():
    print(torch.is_grad_enabled())
