import os

import torch
from torch.utils.data import DataLoader
import torchvision.transforms as transforms

os.makedirs("images")

import torch
from torch.utils.data import Dataset
import pandas as pd
from PIL import Image

class MyCustomDataset(Dataset):
    def __init__(self, csv_file, root_dir, transform=None):
        """
        csv_file (string): 文件路径，包括标签和图像信息。
        root_dir (string): 图像所在的目录。
        transform (callable, optional): 可选的图片转换(自定义或PyTorch中的)操作来增强数据。
        """
        self.annotations = pd.read_csv(csv_file)
        self.root_dir = root_dir
        self.transform = transform

    def __len__(self):
        return len(self.annotations)

    def __getitem__(self, index):
        img_path = os.path.join(self.root_dir, self.annotations.iloc[index, 0])
        image = Image.open(img_path)
        label = self.annotations.iloc[index, 1]

        if self.transform:
            image = self.transform(image)

        return (image, label)

for i in range(5):
    Image.new("RGB", (4, 3), (10 * i, 20 * i, 30 * i)).save(f"images/{i}.png")
with open("labels.csv", "w") as f:
    f.write("file,label\n" + "".join(f"{i}.png,{i % 2}\n" for i in range(5)))
csv_file, root_dir = "labels.csv", "images"
torch.manual_seed(0)

# 创建自定义数据集
custom_dataset = MyCustomDataset(csv_file, root_dir, transforms.ToTensor())

# 使用 DataLoader 加载数据
dataloader = DataLoader(custom_dataset, batch_size=2, shuffle=True)

# 迭代 DataLoader 并打印数据和标签
for inputs, labels in dataloader:
    print(inputs, labels)
