import torch

x = torch.ones(2)
print(torch.cuda.is_available())
device = torch.device('cuda')  # “cuda:0”
print(device)
try:
    x.to(device)
except AssertionError as error:
    print(str(error).splitlines()[0])
