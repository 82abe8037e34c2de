import torch

X = torch.ones(2)
try:
    Z = X.cuda() # 参数为cuda的编号
    Z
except AssertionError as error:
    print(str(error).splitlines()[0])
