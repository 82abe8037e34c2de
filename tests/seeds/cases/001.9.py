import torch
import torch.nn as nn

# Define a 2D adaptive average pooling layer
adaptive_avg_pool_layer = nn.AdaptiveAvgPool2d(output_size=2)

# Apply adaptive average pooling to an input tensor
input_tensor = torch.randn(1, 3, 4, 4)
output_tensor = adaptive_avg_pool_layer(input_tensor)

print(f"Input shape: {input_tensor.shape}")
print(f"Output shape: {output_tensor.shape}")
