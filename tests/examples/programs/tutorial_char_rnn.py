import torch, torch.nn as nn
torch.manual_seed(1)
text = "to be or not to be that is the question whether tis nobler in the mind to suffer " * 4
chars = sorted(set(text)); stoi = {c: i for i, c in enumerate(chars)}
ids = torch.tensor([stoi[c] for c in text])
class CharRNN(nn.Module):
    def __init__(self, n, h, kind):
        super().__init__()
        self.emb = nn.Embedding(n, 16)
        self.rnn = {'lstm': nn.LSTM, 'gru': nn.GRU, 'rnn': nn.RNN}[kind](16, h, num_layers=2, batch_first=True, dropout=0.1)
        self.out = nn.Linear(h, n)
    def forward(self, x, s=None):
        y, s = self.rnn(self.emb(x), s)
        return self.out(y), s
for kind in ('lstm', 'gru', 'rnn'):
    model = CharRNN(len(chars), 32, kind); opt = torch.optim.RMSprop(model.parameters(), lr=0.01)
    crit = nn.CrossEntropyLoss()
    state = None
    x = ids[:320].view(8, 40)
    for step in range(12):
        inp, tgt = x[:, :-1], x[:, 1:]
        out, s = model(inp)
        loss = crit(out.transpose(1, 2), tgt)
        opt.zero_grad(); loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        if step % 3 == 0: print(kind, step, f'{loss.item():.4f} {norm:.4f}')
    model.eval(); s = None; c = torch.tensor([[stoi['t']]]); res = 't'
    with torch.no_grad():
        for _ in range(30):
            out, s = model(c, s); p = torch.softmax(out[0, -1] / 0.8, dim=0)
            c = torch.multinomial(p, 1).view(1, 1); res += chars[c.item()]
    print(repr(res))
packed = nn.utils.rnn.pack_padded_sequence(torch.randn(3, 5, 16), [5, 3, 2], batch_first=True)
o, (h, c) = nn.LSTM(16, 4, bidirectional=True, batch_first=True)(packed)
u, l = nn.utils.rnn.pad_packed_sequence(o, batch_first=True)
print(u.shape, l, h.sum())
