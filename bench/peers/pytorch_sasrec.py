#!/usr/bin/env python3
"""SASRec with the blocks of upnext's encoder `attention`, in PyTorch on the CPU: the program with which its training is compared.

Pre-norm blocks of causal self-attention (scaled_dot_product_attention) and SwiGLU, learned positions, one table for
input and output, softmax over all items, Adam. Sequences are read from a file of lines "user item", the last two items
of each user left out, and padded to the longest of the batch.
Prints one JSON line: positions with a label per second, from the median step, without the input, and per second of
processor time of all threads, which other programs on the machine change less (with OMP_WAIT_POLICY=PASSIVE).
"""
import argparse
import json
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("file", help="lines of user and item, in the order of time")
parser.add_argument("--dim", type=int, default=64)
parser.add_argument("--blocks", type=int, default=2)
parser.add_argument("--heads", type=int, default=1)
parser.add_argument("--length", type=int, default=200)
parser.add_argument("--dropout", type=float, default=0.2)
parser.add_argument("--batch", type=int, default=1024, help="positions of a step, about")
parser.add_argument("--steps", type=int, default=20)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--bf16", action="store_true")
parser.add_argument("--compile", action="store_true")
o = parser.parse_args()
torch.manual_seed(1)
torch.set_num_threads(o.threads)

users = {}
for line in open(o.file):
    user, item = map(int, line.split())
    users.setdefault(user, []).append(item)
histories = [torch.tensor(h[:-2][-o.length - 1:]) for h in users.values() if len(h) > 4]
items = 1 + max(int(h.max()) for h in histories)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.layer_norm = nn.LayerNorm(o.dim), nn.LayerNorm(o.dim)
        self.qkv, self.mix = nn.Linear(o.dim, 3 * o.dim), nn.Linear(o.dim, o.dim)
        self.gate, self.down = nn.Linear(o.dim, 2 * o.dim), nn.Linear(o.dim, o.dim)

    def forward(self, x):
        b, n, _ = x.shape
        q, k, v = self.qkv(self.norm(x)).view(b, n, 3, o.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, n, -1)
        x = x + F.dropout(self.mix(y), o.dropout)
        gate, up = self.gate(self.layer_norm(x)).chunk(2, -1)
        return x + F.dropout(self.down(F.silu(gate) * up), o.dropout)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.items, self.positions = nn.Embedding(items, o.dim), nn.Embedding(o.length, o.dim)
        nn.init.uniform_(self.items.weight, -o.dim ** -0.5, o.dim ** -0.5)
        self.blocks, self.last = nn.ModuleList(Block() for _ in range(o.blocks)), nn.LayerNorm(o.dim)

    def forward(self, x, labels, real):
        h = self.items(x) * o.dim ** 0.5 + self.positions.weight[: x.shape[1]]
        h = F.dropout(h, o.dropout)
        for block in self.blocks:
            h = block(h)
        return F.cross_entropy(self.last(h)[real] @ self.items.weight.T, labels)


def batch():  # padded behind: causal attention does not see it
    chosen, positions = [], 0
    while positions < o.batch:
        chosen.append(histories[int(torch.randint(len(histories), ()))])
        positions += len(chosen[-1]) - 1
    x = nn.utils.rnn.pad_sequence([h[:-1] for h in chosen], batch_first=True)
    real = nn.utils.rnn.pad_sequence([torch.ones(len(h) - 1, dtype=torch.bool) for h in chosen], batch_first=True)
    return x, torch.cat([h[1:] for h in chosen]), real


model = Model()
adam = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
step_of = torch.compile(model, dynamic=True) if o.compile else model
rates, cpu_rates = [], []
for step in range(3 + o.steps):
    x, labels, real = batch()
    start, cpu_start = time.perf_counter(), time.process_time()
    with torch.autocast("cpu", torch.bfloat16, enabled=o.bf16):
        loss = step_of(x, labels, real)
    loss.backward()
    adam.step()
    adam.zero_grad()
    if step >= 3:
        rates.append(len(labels) / (time.perf_counter() - start))
        cpu_rates.append(len(labels) / (time.process_time() - cpu_start))
print(json.dumps({"torch": torch.__version__, "threads": o.threads, "positions_per_s": statistics.median(rates),
                  "positions_per_cpu_s": statistics.median(cpu_rates), "loss": loss.item(), **{k: getattr(o, k) for k in ("dim", "blocks", "length", "batch", "bf16", "compile")}}))
