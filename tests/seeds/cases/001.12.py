import torch
import torch.nn as nn

try:
    nn.ReLU()(input)
except TypeError as error:
    print(str(error).splitlines()[0])
input = torch.tensor([-1.0, 0.0, 2.0])

import torch.nn as nn

relu = nn.ReLU()
output = relu(input)

print(output)
inplace = nn.ReLU(inplace=True)
print(inplace, inplace(input) is input, input)
