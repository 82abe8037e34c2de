import torch
from torch import nn
torch.manual_seed(7)
device = 'cuda' if torch.cuda.is_available() else 'cpu'
print(f'Using {device} device')
device = torch.device(device)
class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__(); self.flatten = nn.Flatten()
        self.stack = nn.Sequential(nn.Linear(28 * 28, 64), nn.ReLU(), nn.Linear(64, 64), nn.ELU(), nn.Linear(64, 10))
    def forward(self, x): return self.stack(self.flatten(x))
model = NeuralNetwork().to(device); print(model, next(model.parameters()).device, next(model.parameters()).is_cuda)
X = torch.rand(1, 28, 28, device=device); logits = model(X); pred = nn.Softmax(dim=1)(logits); y_pred = pred.argmax(1); print(f'Predicted class: {y_pred}'); print(pred)
opt = torch.optim.SGD(model.parameters(), lr=1e-1)
if torch.cuda.is_available(): torch.cuda.synchronize()
scaler = torch.amp.GradScaler(enabled=False)
data = torch.randn(128, 28, 28).to(device, non_blocking=True); t = torch.randint(10, (128,), device=device)
acc = 4
for epoch in range(3):
    for i in range(8):
        loss = nn.CrossEntropyLoss()(model(data[i*16:(i+1)*16]), t[i*16:(i+1)*16]) / acc
        scaler.scale(loss).backward()
        if (i + 1) % acc == 0:
            scaler.unscale_(opt); n = torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=0.3); scaler.step(opt); scaler.update(); opt.zero_grad()
    print(f'loss: {loss.item() * acc:>7f} norm {n.item():.5f}')
x = torch.ones(3); print(x.cpu().numpy(), x.to(torch.float64), x.to('cpu').device, x.get_device())
print(torch.cuda.device_count(), torch.backends.cudnn.is_available(), torch.cuda.memory_allocated())
torch.cuda.empty_cache()
m = nn.DataParallel(model) if torch.cuda.device_count() > 1 else model
ema = torch.optim.swa_utils.AveragedModel(model); ema.update_parameters(model)
print(f'{ema(X).sum().item():.5f}')
