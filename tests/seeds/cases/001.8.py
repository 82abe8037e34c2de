import torch
import torch.nn as nn

# Define a 2D max pooling layer
maxpool_layer = nn.MaxPool2d(kernel_size=2, stride=2)

# Apply max pooling to an input tensor
input_tensor = torch.randn(1, 3, 4, 4)
output_tensor = maxpool_layer(input_tensor)

print(f"Input shape: {input_tensor.shape}")
print(f"Output shape: {output_tensor.shape}")
