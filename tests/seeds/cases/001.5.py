import torch
from torch import nn

torch.manual_seed(0)


class MyModel(nn.Linear):
    def __init__(self):
        super().__init__(4, 3)


loss_fn = nn.CrossEntropyLoss()
data_loader = [(torch.randn(8, 4), torch.randint(0, 3, (8,))) for _ in range(5)]

import torch
import torch.optim as optim

model = MyModel()
optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

for inputs, labels in data_loader:
    optimizer.zero_grad()
    loss = loss_fn(model(inputs), labels)
    loss.backward()
    optimizer.step()

print(loss)
print(model.weight)
print(optimizer)
