"""Training and inference workloads written once against the PyTorch API.

The same source runs on either library, so a ratio compares like with like:

    python benchmarks/workloads.py torch lenet gpt
    python benchmarks/workloads.py rushlight lenet gpt

Each line printed is one JSON object: workload, seconds per step (median and minimum), peak RSS in MB.
"""

import importlib
import json
import os
import resource
import sys
import tempfile
import time

LIB = sys.argv[1] if __name__ == "__main__" else os.environ.get("WORKLOADS_LIBRARY", "rushlight")
torch = importlib.import_module(LIB)
nn, F = torch.nn, torch.nn.functional
if "THREADS" in os.environ:
    torch.set_num_threads(int(os.environ["THREADS"]))


def time_steps(step, warmup, count):
    for _ in range(warmup):
        step()
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    seconds.sort()
    return {"median_s": seconds[len(seconds) // 2], "min_s": seconds[0]}


def training(model, optimizer, loss_fn, x, y):
    def step():
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


# Models


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Sigmoid(),
        nn.AvgPool2d(2, 2),
        nn.Conv2d(6, 16, 5),
        nn.Sigmoid(),
        nn.AvgPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        nn.Sigmoid(),
        nn.Linear(84, 10),
    )


class BasicBlock(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(cout)
        self.down = None
        if stride != 1 or cin != cout:
            self.down = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.down is None else self.down(x)))


class Bottleneck(nn.Module):
    def __init__(self, cin, width, stride):
        super().__init__()
        cout = 4 * width
        self.conv1, self.bn1 = nn.Conv2d(cin, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = (
            nn.Conv2d(width, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.conv3, self.bn3 = nn.Conv2d(width, cout, 1, bias=False), nn.BatchNorm2d(cout)
        self.down = None
        if stride != 1 or cin != cout:
            self.down = nn.Sequential(
                nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout)
            )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.down is None else self.down(x)))


def stem():
    return [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]


def resnet18():
    layers, cin = stem(), 64
    for cout, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [BasicBlock(cin, cout, stride), BasicBlock(cout, cout, 1)]
        cin = cout
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))


def resnet50():
    layers, cin = stem(), 64
    for width, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(count):
            layers.append(Bottleneck(cin, width, stride if i == 0 else 1))
            cin = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
        self.heads = heads

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(self.ln1(x)).split(c, 2)
        q, k, v = (u.view(b, t, self.heads, c // self.heads).transpose(1, 2) for u in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(b, t, c))
        return x + self.down(F.gelu(self.up(self.ln2(x))))


class GPT(nn.Module):
    def __init__(self, vocab=65, length=256, d=384, layers=6, heads=6):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, d), nn.Embedding(length, d)
        self.blocks = nn.Sequential(*[Block(d, heads) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, vocab, bias=False)

    def forward(self, idx):
        x = self.tok(idx) + self.pos(torch.arange(idx.shape[1]))
        return self.head(self.norm(self.blocks(x))).flatten(0, 1)


class WordLM(nn.Module):
    def __init__(self, vocab=2000, d=200):
        super().__init__()
        self.emb, self.drop = nn.Embedding(vocab, d), nn.Dropout(0.2)
        self.rnn, self.out = nn.LSTM(d, d, 2, dropout=0.2), nn.Linear(d, vocab)

    def forward(self, idx):
        y, _ = self.rnn(self.drop(self.emb(idx)))
        return self.out(self.drop(y)).flatten(0, 1)


# Workloads: each returns the times of its steps


def quickstart():
    m = nn.Linear(5, 6)
    o = torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9)
    return time_steps(training(m, o, nn.MSELoss(), torch.randn(2, 5), torch.randn(2, 6)), 200, 2000)


def mlp():
    m = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    o = torch.optim.Adam(m.parameters())
    return time_steps(
        training(m, o, nn.CrossEntropyLoss(), torch.randn(64, 784), torch.randint(0, 10, (64,))),
        20,
        200,
    )


def lenet_train():
    m = lenet()
    o = torch.optim.SGD(m.parameters(), lr=0.9)
    x, y = torch.randn(256, 1, 28, 28), torch.randint(0, 10, (256,))
    return time_steps(training(m, o, nn.CrossEntropyLoss(), x, y), 3, 30)


def resnet18_train():
    m = resnet18()
    o = torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    x, y = torch.randn(16, 3, 224, 224), torch.randint(0, 1000, (16,))
    return time_steps(training(m, o, nn.CrossEntropyLoss(), x, y), 1, 4)


def resnet50_train():
    m = resnet50()
    o = torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    x, y = torch.randn(8, 3, 224, 224), torch.randint(0, 1000, (8,))
    return time_steps(training(m, o, nn.CrossEntropyLoss(), x, y), 1, 3)


def resnet50_infer():
    m = resnet50().eval()
    x = torch.randn(1, 3, 224, 224)

    def step():
        with torch.no_grad():
            m(x)

    return time_steps(step, 3, 20)


def gpt_train():
    m = GPT()
    o = torch.optim.AdamW(m.parameters(), lr=1e-3)
    x, y = torch.randint(0, 65, (8, 256)), torch.randint(0, 65, (8 * 256,))
    return time_steps(training(m, o, nn.CrossEntropyLoss(), x, y), 1, 5)


def lstm_train():
    m = WordLM()
    o = torch.optim.SGD(m.parameters(), lr=1.0)
    x, y = torch.randint(0, 2000, (35, 20)), torch.randint(0, 2000, (35 * 20,))
    return time_steps(training(m, o, nn.CrossEntropyLoss(), x, y), 2, 10)


def dataloader():
    data = importlib.import_module(LIB + ".utils.data")
    ds = data.TensorDataset(torch.randn(20000, 64), torch.randint(0, 10, (20000,)))
    loader = data.DataLoader(ds, batch_size=32, shuffle=True)

    def step():
        for _ in loader:
            pass

    return time_steps(step, 1, 3)


def checkpoint():
    state = {f"layer{i}.weight": torch.randn(512, 1024) for i in range(50)}
    path = os.path.join(tempfile.mkdtemp(), "m.pth")

    def step():
        torch.save(state, path)
        torch.load(path)

    return time_steps(step, 1, 5)


def pointwise():
    x = torch.randn(1 << 22)

    def step():
        return (torch.sigmoid(x) * x + torch.exp(-x * x)).sum().item()

    return time_steps(step, 3, 20)


def op_overhead():
    x, y = torch.randn(8, 8), torch.randn(8, 8)

    def step():
        for _ in range(1000):
            x + y

    return time_steps(step, 3, 20)


def autograd_overhead():
    w, y = torch.randn(8, 8, requires_grad=True), torch.randn(8, 8)

    def step():
        for _ in range(100):
            (w * y).sum().backward()

    return time_steps(step, 3, 20)


WORKLOADS = {
    "quickstart": quickstart,
    "mlp": mlp,
    "lenet": lenet_train,
    "resnet18": resnet18_train,
    "resnet50": resnet50_train,
    "resnet50_infer": resnet50_infer,
    "gpt": gpt_train,
    "lstm": lstm_train,
    "dataloader": dataloader,
    "checkpoint": checkpoint,
    "pointwise": pointwise,
    "op_overhead": op_overhead,
    "autograd_overhead": autograd_overhead,
}


def main(names):
    for name in names or WORKLOADS:
        torch.manual_seed(0)
        result = WORKLOADS[name]()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            json.dumps({"workload": name, "lib": LIB, **result, "peak_mb": round(peak)}), flush=True
        )


if __name__ == "__main__":
    main(sys.argv[2:])
