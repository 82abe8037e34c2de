import torch, numpy as np
from torch.utils.data import Dataset, DataLoader, random_split, WeightedRandomSampler, Subset, ConcatDataset
torch.manual_seed(4); np.random.seed(4)
class Noise:
    def __init__(s, std): s.std = std
    def __call__(s, x): return x + s.std * torch.randn(x.shape)
class Compose:
    def __init__(s, *t): s.t = t
    def __call__(s, x):
        for f in s.t: x = f(x)
        return x
class Toy(Dataset):
    def __init__(self, n, transform=None, target_transform=None):
        self.x = np.random.randn(n, 3, 8, 8).astype(np.float32); self.y = np.random.randint(0, 4, n)
        self.transform, self.target_transform = transform, target_transform
    def __len__(self): return len(self.x)
    def __getitem__(self, i):
        if torch.is_tensor(i): i = i.tolist()
        x = torch.from_numpy(self.x[i]); y = self.y[i]
        return {'image': self.transform(x) if self.transform else x, 'label': y, 'id': f'n{i}'}
ds = Toy(100, Compose(Noise(0.1), lambda t: t.flip(-1)))
train, val = random_split(ds, [0.8, 0.2], generator=torch.Generator().manual_seed(42))
print(len(train), len(val), train.indices[:5])
weights = torch.tensor([1.0 / (1 + ds.y[i]) for i in train.indices])
loader = DataLoader(train, batch_size=16, sampler=WeightedRandomSampler(weights, len(weights)), drop_last=True)
model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Dropout2d(0.2), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(8, 4))
opt = torch.optim.Adagrad(model.parameters(), lr=0.05)
lossf = torch.nn.CrossEntropyLoss(weight=torch.tensor([1., 2., 3., 4.]))
for e in range(3):
    model.train()
    for b in loader:
        out = model(b['image']); loss = lossf(out, b['label']); opt.zero_grad(); loss.backward(); opt.step()
    model.eval(); correct = 0
    with torch.no_grad():
        for b in DataLoader(val, 7): correct += (model(b['image']).argmax(1) == b['label']).sum().item()
    print(e, f'{loss.item():.4f}', correct, b['id'][:2], b['label'].dtype)
print(len(ConcatDataset([Subset(ds, range(5)), val])))
xs = [torch.arange(n) for n in (3, 1, 2)]
print(next(iter(DataLoader(xs, 3, collate_fn=lambda b: torch.nn.utils.rnn.pad_sequence(b, batch_first=True, padding_value=-1)))))
for w in (0, 2):
    torch.manual_seed(0)
    print([b['label'].tolist() for b in DataLoader(Subset(ds, range(12)), 4, shuffle=True, num_workers=w)])
