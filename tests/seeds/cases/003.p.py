import torch
from torch.autograd import Variable

x = Variable(torch.FloatTensor([[2, 3]]), requires_grad=True)
try:
    (x * x).backward()
except RuntimeError as error:
    print(str(error).splitlines()[0])
y = (x * x).sum()
y.backward()
try:
    y.backward()
except RuntimeError as error:
    print(str(error).splitlines()[0])
x.grad.data.zero_()
y = (x * x * x / x).sum()
y.backward(retain_variables=True)
y.backward()
print(x.grad)
print(x.max())
z = Variable(torch.ones(2), volatile=True)
print(z.requires_grad)
