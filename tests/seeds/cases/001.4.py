import gzip
import os

os.makedirs("data/MNIST/MNIST/raw")
for part, count in (("train", 20), ("t10k", 10)):
    header = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (count, 28, 28))
    pixels = bytes(7 * i % 256 for i in range(count * 784))
    labels = bytes([0, 0, 8, 1]) + count.to_bytes(4, "big") + bytes(i % 10 for i in range(count))
    for name, data in (("images-idx3", header + pixels), ("labels-idx1", labels)):
        with open(f"data/MNIST/MNIST/raw/{part}-{name}-ubyte", "wb") as f:
            f.write(data)

import torchvision.datasets as datasets
import torchvision.transforms as transforms
# 数据预处理，将输入数据放缩到 (0, 1) 范围内
transform = transforms.Compose(
    [transforms.ToTensor(),
     transforms.Normalize((0.5,), (0.5,))])
# 下载和加载数据集
train_data = datasets.MNIST('data/MNIST', train=True, download=True, transform=transform)
test_data = datasets.MNIST('data/MNIST', train=False, download=True, transform=transform)

print(len(train_data), len(test_data), train_data.classes[0])
image, label = train_data[1]
print(image.shape, image.min(), image.max(), image.dtype, label)
print(image[0, 0, :8])
