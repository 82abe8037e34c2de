import torch, torch.nn as nn
torch.manual_seed(6)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, stride=2, padding=1); self.gn = nn.GroupNorm(2, 4); self.fc = nn.Linear(4 * 16, 3)
        self.scale = nn.Parameter(torch.ones(1)); self.register_buffer('calls', torch.tensor(0))
        self.acts = nn.ModuleDict({'relu': nn.ReLU(), 'gelu': nn.GELU(), 'silu': nn.SiLU()}); self.extra = nn.ModuleList([nn.Identity()])
        for m in self.modules():
            if isinstance(m, nn.Conv2d): nn.init.kaiming_normal_(m.weight, mode='fan_out', nonlinearity='relu')
            elif isinstance(m, nn.Linear): nn.init.orthogonal_(m.weight, gain=0.5); nn.init.zeros_(m.bias)
    def forward(self, x, act='relu'):
        self.calls += 1
        return self.fc(self.acts[act](self.gn(self.conv1(x))).flatten(1)) * self.scale
net = Net(); print(net)
feats, grads = {}, {}
h1 = net.conv1.register_forward_hook(lambda m, i, o: feats.__setitem__('conv1', o.detach()))
h2 = net.fc.register_full_backward_hook(lambda m, gi, go: grads.__setitem__('fc', (gi[0].norm().item(), go[0].norm().item())))
h3 = net.register_forward_pre_hook(lambda m, a: (a[0] * 2,))
x = torch.randn(5, 1, 8, 8, requires_grad=True)
for act in ('relu', 'gelu', 'silu'):
    out = net(x, act); loss = nn.functional.nll_loss(nn.functional.log_softmax(out, -1), torch.tensor([0, 1, 2, 0, 1])); loss.backward()
    print(act, f'{loss.item():.5f}', feats['conv1'].shape, ['%.4f' % g for g in grads['fc']], f'{x.grad.abs().sum():.4f}')
for h in (h1, h2, h3): h.remove()
nn.utils.clip_grad_value_(net.parameters(), 0.05)
for n, p in net.named_parameters(): print(n, tuple(p.shape), p.requires_grad, f'{p.grad.abs().max():.4f}', f'{p.grad.norm():.4f}')
for p in net.conv1.parameters(): p.requires_grad_(False)
print([n for n, p in net.named_parameters() if p.requires_grad], net.calls, [n for n, _ in net.named_modules()], [n for n, _ in net.named_buffers()])
opt = torch.optim.SGD(filter(lambda p: p.requires_grad, net.parameters()), lr=0.1, weight_decay=1e-4)
opt.step(); print(f'{net(x).sum().item():.4f}')
for f in (nn.init.uniform_, nn.init.normal_, nn.init.xavier_normal_, nn.init.kaiming_uniform_, nn.init.trunc_normal_, nn.init.eye_):
    print(f.__name__, f(torch.empty(3, 3)))
print(nn.init.calculate_gain('leaky_relu', 0.2), nn.init.sparse_(torch.empty(4, 2), 0.5), nn.init.dirac_(torch.empty(2, 2, 3)))
t = torch.ones(2, requires_grad=True); z = t * 3; z.register_hook(lambda g: g * 10); z.retain_grad(); z.sum().backward(); print(t.grad, z.grad)
