import torch

x, y = torch.arange(4), torch.zeros(4)

mydict = {'x': x, 'y': y}
torch.save(mydict, 'mydict')
mydict2 = torch.load('mydict')
mydict2

print(mydict2)
