#!/usr/bin/env python3
"""The 1M-item candidate model in PyTorch on the CPU: the program with which `upnext bench train` is compared.

Model: two bags of 50 ids -> mean of 256-d rows, 16 further inputs -> 1024-512-256 ReLU -> user vector;
softmax over the label and 4,096 shared negatives. Ids are drawn by u^3, as `upnext bench train` draws them.
  naive   nn.EmbeddingBag(sparse=True) + torch.optim.Adagrad, as most code bases write it
  expert  no autograd for tables; unique rows, index_add, row-wise Adagrad by hand
  tuned   expert, with the sums of equal rows as one embedding_bag over the sorted references, the pooled
          gradient never expanded, rows written by index_copy, and products written out in bf16
Prints one JSON line: examples/s from the median step, without input generation.
"""
import argparse
import json
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("--style", choices=["naive", "expert", "tuned"], default="expert")
parser.add_argument("--bf16", action="store_true", help="autocast of the products to bf16")
parser.add_argument("--compile", action="store_true", help="torch.compile of tower and loss")
parser.add_argument("--batch", type=int, default=1024)
parser.add_argument("--items", type=int, default=1_000_000)
parser.add_argument("--tokens", type=int, default=1_000_000)
parser.add_argument("--dim", type=int, default=256)
parser.add_argument("--bag", type=int, default=50)
parser.add_argument("--negatives", type=int, default=4096)
parser.add_argument("--steps", type=int, default=10)
parser.add_argument("--threads", type=int, default=2)
o = parser.parse_args()
torch.manual_seed(1)
torch.set_num_threads(o.threads)
B, H, S, D, lr = o.batch, o.bag, o.negatives, o.dim, 0.01
tower = nn.Sequential(nn.Linear(2 * D + 16, 1024), nn.ReLU(), nn.Linear(1024, 512), nn.ReLU(),
                      nn.Linear(512, D), nn.ReLU())
dense = torch.optim.Adam(tower.parameters(), fused=o.style == "tuned")
offsets = torch.arange(0, B * H, H)
labels = torch.zeros(B, dtype=torch.long)


def draw(n, rows):
    return (torch.rand(n) ** 3 * rows).long().clamp(max=rows - 1)


def batch():
    return draw(B * H, o.items), draw(B * H, o.tokens), draw(B, o.items), draw(S, o.items), torch.randn(B, 16)


def loss_of(watch, query, positive, negative, x):
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=o.bf16):
        u = tower(torch.cat([watch, query, x], 1))
        p, n = (u * positive).sum(1, keepdim=True), u @ negative.t()
    return F.cross_entropy(torch.cat([p.float(), n.float()], 1), labels)


if o.compile:
    loss_of = torch.compile(loss_of)

if o.style == "naive":
    E = nn.EmbeddingBag(o.items, D, mode="mean", sparse=True)
    T = nn.EmbeddingBag(o.tokens, D, mode="mean", sparse=True)
    O = nn.Embedding(o.items, D, sparse=True)
    tables = torch.optim.Adagrad([*E.parameters(), *T.parameters(), *O.parameters()], lr=lr)

    def step(h, t, y, n, x):
        loss = loss_of(E(h, offsets), T(t, offsets), O(y), O(n), x)
        tables.zero_grad()
        dense.zero_grad()
        loss.backward()
        tables.step()
        dense.step()
else:
    E, T, O = (torch.randn(rows, D) * 0.01 for rows in (o.items, o.tokens, o.items))
    sE, sT, sO = (torch.zeros(rows) for rows in (o.items, o.tokens, o.items))
    bag_of = torch.arange(B).repeat_interleave(H)

    def update_expert(table, state, ids, grad):
        rows, where = torch.unique(ids, return_inverse=True)
        g = torch.zeros(rows.numel(), D).index_add_(0, where, grad)
        state.index_add_(0, rows, g.pow(2).mean(1))
        table.index_add_(0, rows, g * (-lr / (state[rows].sqrt() + 1e-8))[:, None])

    # `source[i]`: the row of `grad` that is the gradient of the i-th reference.
    def update_tuned(table, state, ids, source, grad):
        ids, order = torch.sort(ids)
        rows, counts = torch.unique_consecutive(ids, return_counts=True)
        starts = torch.cumsum(counts, 0) - counts
        g = F.embedding_bag(source[order], grad, starts, mode="sum")
        s = state[rows].add_(torch.linalg.vector_norm(g, dim=1).square_().div_(D))
        state[rows] = s
        scale = s.sqrt_().add_(1e-8).reciprocal_().mul_(-lr)
        table.index_copy_(0, rows, torch.addcmul(table[rows], g, scale[:, None]))

    own = torch.arange(B + S)

    def step(h, t, y, n, x):
        with torch.no_grad():
            w = F.embedding_bag(h, E, offsets, mode="mean").requires_grad_()
            q = F.embedding_bag(t, T, offsets, mode="mean").requires_grad_()
            v = O[torch.cat([y, n])].requires_grad_()
        loss = loss_of(w, q, v[:B], v[B:], x)
        dense.zero_grad()
        loss.backward()
        with torch.no_grad():
            dense.step()
            if o.style == "expert":
                update_expert(E, sE, h, (w.grad / H).repeat_interleave(H, 0))
                update_expert(T, sT, t, (q.grad / H).repeat_interleave(H, 0))
                update_expert(O, sO, torch.cat([y, n]), v.grad)
            else:
                update_tuned(E, sE, h, bag_of, w.grad / H)
                update_tuned(T, sT, t, bag_of, q.grad / H)
                update_tuned(O, sO, torch.cat([y, n]), own, v.grad)

times = []
for i in range(o.steps + 3):
    inputs = batch()
    start = time.perf_counter()
    step(*inputs)
    if i >= 3:
        times.append(time.perf_counter() - start)
median = statistics.median(times)
print(json.dumps({"peer": f"pytorch {torch.__version__}", **vars(o), "step_s": round(median, 4),
                  "examples_per_s": round(B / median, 1)}))
