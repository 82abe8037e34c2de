import random

import numpy as np
import torch

#---------------------------------------------------#
#   设置种子
#---------------------------------------------------#
def seed_everything(seed=11):
    random.seed(seed)   #设置random库
    np.random.seed(seed) # 设置numpy库
    torch.manual_seed(seed) # 设置torch库——CPU
    torch.cuda.manual_seed(seed) # 设置torch库——GPU
    torch.cuda.manual_seed_all(seed) # 设置torch库——GPU
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False

seed_everything()
print(random.random(), np.random.rand())
print(torch.randn(2, 3))
print(torch.rand(3))
print(torch.initial_seed())
print(torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark)
