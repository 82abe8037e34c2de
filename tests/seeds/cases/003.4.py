import torch

torch.manual_seed(1)
BATCH_SIZE = 5
x, y = torch.linspace(1, 10, 10), torch.linspace(10, 1, 10)

import torch.utils.data as Data

torch_dataset = Data.TensorDataset(data_tensor=x, target_tensor=y) # 转换成torch能识别的Dataset

loader = Data.DataLoader(
    dataset=torch_dataset,      # torch TensorDataset format
    batch_size=BATCH_SIZE,      # mini batch size
    shuffle=True,               # 要不要打乱数据 (打乱比较好)
    num_workers=2,              # 多线程来读数据
) # 把dataset放入DataLoader中

for step, (batch_x, batch_y) in enumerate(loader):  # 每一步loader释放一小批数据用来学习

    print(step, batch_x, batch_y)
