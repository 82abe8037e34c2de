"""A recurrent network that learns to write a text letter by letter.

rushlight run examples/char_rnn.py [--steps 300] [--kind lstm]
"""

import argparse

import torch
from torch import nn

TEXT = """The wind was on the withered heath, the lamp was low, the road was long;
the wind was in the rushes too and hummed the rushes a little song. """


class CharRNN(nn.Module):
    def __init__(self, letters, hidden, kind):
        super().__init__()
        self.embedding = nn.Embedding(letters, 16)
        layer = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[kind]
        self.rnn = layer(16, hidden, batch_first=True)
        self.head = nn.Linear(hidden, letters)

    def forward(self, x, state=None):
        y, state = self.rnn(self.embedding(x), state)
        return self.head(y), state


@torch.no_grad()
def write(model, letters, start, length):
    text, state = start, None
    index = torch.tensor([[letters.index(start)]])
    for _ in range(length):
        scores, state = model(index, state)
        index = scores[:, -1].argmax(-1, keepdim=True)
        text += letters[index.item()]
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--kind", choices=["lstm", "gru", "rnn"], default="lstm")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    letters = sorted(set(TEXT))
    data = torch.tensor([letters.index(c) for c in TEXT])
    model = CharRNN(len(letters), 64, args.kind)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(args.steps):
        starts = torch.randint(0, len(data) - 33, (16,))
        windows = torch.stack([data[s : s + 33] for s in starts])
        scores, _ = model(windows[:, :-1])
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), windows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0 or step == args.steps - 1:
            print(f"step {step}: loss {loss.item():.3f}")
    print(write(model, letters, "T", 100))


if __name__ == "__main__":
    main()
