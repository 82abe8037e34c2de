import math, torch, torch.nn as nn
torch.manual_seed(2)
class PositionalEncoding(nn.Module):
    def __init__(self, d, max_len=50):
        super().__init__()
        pos = torch.arange(max_len).unsqueeze(1)
        div = torch.exp(torch.arange(0, d, 2) * (-math.log(10000.0) / d))
        pe = torch.zeros(1, max_len, d)
        pe[0, :, 0::2] = torch.sin(pos * div); pe[0, :, 1::2] = torch.cos(pos * div)
        self.register_buffer('pe', pe)
        self.dropout = nn.Dropout(0.1)
    def forward(self, x):
        return self.dropout(x + self.pe[:, :x.size(1)])
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(20, 32, padding_idx=0); self.pos = PositionalEncoding(32)
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, batch_first=True)
        self.enc = nn.TransformerEncoder(layer, 2)
        self.fc = nn.Linear(32, 2)
        self.init_weights()
    def init_weights(self):
        for p in self.parameters():
            if p.dim() > 1: nn.init.xavier_uniform_(p)
    def forward(self, x):
        mask = x == 0
        y = self.enc(self.pos(self.emb(x) * math.sqrt(32)), src_key_padding_mask=mask)
        y = y.masked_fill(mask.unsqueeze(-1), 0).sum(1) / (~mask).sum(1, keepdim=True)
        return self.fc(y)
x = torch.randint(1, 20, (64, 12)); x[::3, 9:] = 0
y = (x.sum(1) > 110).long()
m = Model(); opt = torch.optim.AdamW(m.parameters(), lr=1e-3)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=3e-3, total_steps=16)
print(sum(p.numel() for p in m.parameters() if p.requires_grad))
for e in range(4):
    for i in range(0, 64, 16):
        loss = nn.functional.cross_entropy(m(x[i:i+16]), y[i:i+16], label_smoothing=0.1)
        opt.zero_grad(); loss.backward(); torch.nn.utils.clip_grad_norm_(m.parameters(), 0.5); opt.step(); sched.step()
    print(e, f'{loss.item():.4f}', f'{sched.get_last_lr()[0]:.6f}')
m.eval()
acc = (m(x).argmax(-1) == y).float().mean()
print('acc', acc, acc.item())
