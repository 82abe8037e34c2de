import torch, os, tempfile, copy
from torch import nn
torch.manual_seed(5)
x, y = torch.randn(64, 10), torch.randn(64, 1)
def make():
    m = nn.Sequential(nn.Linear(10, 20), nn.PReLU(), nn.LayerNorm(20), nn.Linear(20, 1)); o = torch.optim.Adam(m.parameters(), lr=0.01)
    return m, o, torch.optim.lr_scheduler.StepLR(o, 3, 0.5)
def train(m, o, s, n):
    for _ in range(n):
        l = nn.functional.huber_loss(m(x), y); o.zero_grad(); l.backward(); o.step(); s.step()
    return l.item()
m, o, s = make()
print(f'{train(m, o, s, 5):.6f}')
best = copy.deepcopy(m.state_dict())
path = os.path.join(tempfile.mkdtemp(), 'checkpoint.tar')
torch.save({'epoch': 5, 'model_state_dict': m.state_dict(), 'optimizer_state_dict': o.state_dict(), 'sched': s.state_dict(), 'rng': torch.get_rng_state()}, path)
a = train(m, o, s, 5); r1 = torch.rand(2)
m2, o2, s2 = make()
c = torch.load(path, map_location='cpu'); m2.load_state_dict(c['model_state_dict']); o2.load_state_dict(c['optimizer_state_dict']); s2.load_state_dict(c['sched']); torch.set_rng_state(c['rng'])
b = train(m2, o2, s2, 5); r2 = torch.rand(2)
print(f'{a:.6f} {b:.6f}', a == b, torch.equal(r1, r2), c['epoch'])
print({k: tuple(v.shape) for k, v in best.items()})
print(o2.state_dict()['param_groups'][0]['lr'], o2.state_dict()['state'][0]['step'], list(c))
try: nn.Linear(2, 3).load_state_dict(nn.Linear(3, 3).state_dict())
except RuntimeError as e: print(e)
print(nn.Linear(2, 3).load_state_dict({}, strict=False))
try: torch.load(path + 'x')
except FileNotFoundError as e: print(type(e).__name__)
