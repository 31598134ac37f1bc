#!/usr/bin/env python3
"""The multitask ranker in PyTorch on the CPU: the program with which `upnext bench train --stage ranking` is compared.

Model: 30 categorical features with a table each, 4 of them lists of 1 to 50 ids (mean), 30 numbers with powers (120
inputs) -> ReLU layers 256-128 -> 8 experts of 64, softmax gates of 7 tasks with 10 % dropout -> 32 -> 1 per task.
Losses: 4 events, watch time (weighted logistic), completion, rating (squared). Ids are drawn by u^3.
  naive   30 nn.EmbeddingBag(sparse=True) + torch.optim.Adagrad, a module for each expert, gate and task
  tuned   all tables one tensor, so one embedding_bag; no autograd for it; row-wise Adagrad by hand, with the sums of
          equal rows as one embedding_bag over the sorted references; experts, gates and tasks as stacked products
Prints one JSON line: examples/s from the median step, and processor seconds of a step, without input generation.
"""
import argparse
import json
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("--style", choices=["naive", "tuned"], default="tuned")
parser.add_argument("--bf16", action="store_true", help="autocast of the products to bf16")
parser.add_argument("--compile", action="store_true", help="torch.compile of layers and losses")
parser.add_argument("--batch", type=int, default=1024)
parser.add_argument("--rows", type=int, default=1_000_000)
parser.add_argument("--dim", type=int, default=32)
parser.add_argument("--bag", type=int, default=50)
parser.add_argument("--steps", type=int, default=10)
parser.add_argument("--threads", type=int, default=2)
o = parser.parse_args()
torch.manual_seed(1)
torch.set_num_threads(o.threads)
B, R, D, lr = o.batch, o.rows + 1, o.dim, 0.02
FEATURES, LISTS, NUMBERS, WIDTHS, EXPERTS, EXPERT, TASKS, HEAD = 30, 4, 30, (256, 128), 8, 64, 7, 32
INPUT = FEATURES * D + 4 * NUMBERS
multiplications = (INPUT * WIDTHS[0] + WIDTHS[0] * WIDTHS[1] + EXPERTS * WIDTHS[1] * EXPERT +
                   TASKS * (WIDTHS[1] * EXPERTS + EXPERTS * EXPERT + EXPERT * HEAD + HEAD))


def draw(n):
    return 1 + (torch.rand(n) ** 3 * o.rows).long().clamp(max=o.rows - 1)


def batch():
    """Per feature: ids, and lengths of the B bags; numbers; labels."""
    lengths = torch.ones(FEATURES, B, dtype=torch.long)
    lengths[:LISTS] = torch.randint(1, o.bag + 1, (LISTS, B))
    x = torch.rand(B, NUMBERS)
    numbers = torch.cat([x, x * x, x.sqrt(), torch.zeros_like(x)], 1)
    watched = torch.rand(B) < 1 / 3
    duration = torch.randint(30, 330, (B,)).float()
    seconds = torch.where(watched, duration * torch.rand(B), 0.0)
    like = watched & (torch.rand(B) < 0.5)
    label = torch.stack([watched, 2 * seconds > duration, like, watched & ~like, seconds, seconds / duration,
                         torch.randint(1, 6, (B,)).float()], 1)
    mask = torch.ones(B, TASKS)
    mask[:, 2] = mask[:, 6] = watched.float()
    return draw(int(lengths.sum())), lengths, numbers, label, mask


def loss_of(z, label, mask):
    z, none = z.float(), torch.zeros(1)
    logistic = F.binary_cross_entropy_with_logits(z, label.clamp(max=1), reduction="none")
    watch = label[:, 4] * F.softplus(-z[:, 4]) + F.softplus(z[:, 4])
    rating = (z[:, 6] - label[:, 6]) ** 2
    terms = torch.stack([*logistic[:, :4].unbind(1), 0.1 * watch, logistic[:, 5], 0.1 * rating], 1)
    return torch.where(mask > 0, terms, none).sum(0).div(mask.sum(0).clamp(min=1)).sum()


def drop(weights):
    kept = weights * (torch.rand_like(weights) >= 0.1)
    return kept / kept.sum(-1, keepdim=True).clamp(min=1e-6)


class Naive(nn.Module):
    def __init__(self):
        super().__init__()
        self.bottom = nn.Sequential(nn.Linear(INPUT, WIDTHS[0]), nn.ReLU(), nn.Linear(*WIDTHS), nn.ReLU())
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(WIDTHS[1], EXPERT), nn.ReLU()) for _ in range(EXPERTS))
        self.gates = nn.ModuleList(nn.Linear(WIDTHS[1], EXPERTS) for _ in range(TASKS))
        self.heads = nn.ModuleList(nn.Sequential(nn.Linear(EXPERT, HEAD), nn.ReLU(), nn.Linear(HEAD, 1))
                                   for _ in range(TASKS))

    def forward(self, x):
        h = self.bottom(x)
        experts = torch.stack([expert(h) for expert in self.experts], 1)
        mixes = [(drop(gate(h).softmax(1))[:, :, None] * experts).sum(1) for gate in self.gates]
        return torch.cat([head(mix) for head, mix in zip(self.heads, mixes)], 1)


class Tuned(nn.Module):
    def __init__(self):
        super().__init__()
        self.bottom = nn.Sequential(nn.Linear(INPUT, WIDTHS[0]), nn.ReLU(), nn.Linear(*WIDTHS), nn.ReLU())
        self.experts = nn.Linear(WIDTHS[1], EXPERTS * EXPERT)
        self.gates = nn.Linear(WIDTHS[1], TASKS * EXPERTS)
        self.hidden, self.hidden_bias = (nn.Parameter(torch.randn(*shape) * 0.1) for shape in
                                         ((TASKS, EXPERT, HEAD), (TASKS, 1, HEAD)))
        self.out, self.out_bias = (nn.Parameter(torch.randn(*shape) * 0.1) for shape in
                                   ((TASKS, HEAD, 1), (TASKS, 1, 1)))

    def forward(self, x):
        h = self.bottom(x)
        experts = F.relu(self.experts(h)).view(-1, EXPERTS, EXPERT)
        gates = drop(self.gates(h).view(-1, TASKS, EXPERTS).softmax(2))
        mix = torch.bmm(gates.to(experts.dtype), experts).transpose(0, 1)
        hidden = F.relu(torch.baddbmm(self.hidden_bias.to(mix.dtype), mix, self.hidden.to(mix.dtype)))
        return torch.baddbmm(self.out_bias.to(mix.dtype), hidden, self.out.to(mix.dtype))[:, :, 0].t()


net = Naive() if o.style == "naive" else Tuned()
dense = torch.optim.Adam(net.parameters(), fused=o.style == "tuned")


def loss_from(embedded, numbers, label, mask):
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=o.bf16):
        z = net(torch.cat([embedded, numbers], 1))
    return loss_of(z, label, mask)


if o.compile:
    loss_from = torch.compile(loss_from)

if o.style == "naive":
    embeddings = nn.ModuleList(nn.EmbeddingBag(R, D, mode="mean", sparse=True) for _ in range(FEATURES))
    tables = torch.optim.Adagrad(embeddings.parameters(), lr=lr)

    def step(ids, lengths, numbers, label, mask):
        ends = lengths.sum(1).cumsum(0).tolist()
        rows = [e(ids[begin:end], n.cumsum(0) - n)
                for e, n, begin, end in zip(embeddings, lengths, [0, *ends], ends)]
        loss = loss_from(torch.cat(rows, 1), numbers, label, mask)
        tables.zero_grad()
        dense.zero_grad()
        loss.backward()
        tables.step()
        dense.step()
        return loss
else:
    table, state = torch.empty(FEATURES * R, D).uniform_(-0.01, 0.01), torch.zeros(FEATURES * R)

    # `source[i]`: the row of `grad` that is the gradient of the i-th reference.
    def update(ids, source, grad):
        ids, order = torch.sort(ids)
        rows, counts = torch.unique_consecutive(ids, return_counts=True)
        starts = torch.cumsum(counts, 0) - counts
        g = F.embedding_bag(source[order], grad, starts, mode="sum")
        s = state[rows].add_(torch.linalg.vector_norm(g, dim=1).square_().div_(D))
        state[rows] = s
        scale = s.sqrt_().add_(1e-8).reciprocal_().mul_(-lr)
        table.index_copy_(0, rows, torch.addcmul(table[rows], g, scale[:, None]))

    first = torch.arange(FEATURES) * R

    def step(ids, lengths, numbers, label, mask):
        with torch.no_grad():
            # Bag k * B + i is feature k of example i.
            flat = lengths.flatten()
            ids = ids + first.repeat_interleave(lengths.sum(1))
            pooled = F.embedding_bag(ids, table, flat.cumsum(0) - flat, mode="mean")
            embedded = pooled.view(FEATURES, B, D).transpose(0, 1).reshape(B, FEATURES * D).requires_grad_()
        loss = loss_from(embedded, numbers, label, mask)
        dense.zero_grad()
        loss.backward()
        with torch.no_grad():
            dense.step()
            grad = embedded.grad.view(B, FEATURES, D).transpose(0, 1).reshape(FEATURES * B, D) / flat[:, None]
            update(ids, torch.arange(FEATURES * B).repeat_interleave(flat), grad)
        return loss

seconds, processor, losses, read = [], [], [], []
for i in range(o.steps + 3):
    inputs = batch()
    start, used = time.perf_counter(), time.process_time()
    loss = step(*inputs)
    if i >= 3:
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
        read.append(inputs[0].numel() / B)
    losses.append(loss.item())
median = statistics.median(seconds)
print(json.dumps({"peer": f"pytorch {torch.__version__}", **vars(o), "multiplications": multiplications,
                  "rows_read": round(statistics.mean(read), 1), "step_s": round(median, 4),
                  "cpu_step_s": round(statistics.median(processor), 4), "loss": [losses[0], losses[-1]],
                  "examples_per_s": round(B / median, 1)}))
