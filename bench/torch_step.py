#!/usr/bin/python3
"""The model of isogloss-train in PyTorch: whole training steps on request, for bench/turns.py.

Says hello as a line of JSON, then answers every order on standard input with one: an order names
a shape, tokens a step, a variant and the least CPU seconds, an answer tokens and CPU seconds.

Equal to ours: pre-norm blocks, 4x MLP with tanh GELU, biases, learned positions, head tied to the
embedding, fp32, AdamW, one thread, fresh batches, subnormals flushed. Left out, to the peer's
advantage: clipping by the global norm, parameter groups without decay, reading the loss, drawing
the text (64 batches are drawn once and taken in turn). Tracing the net gains nothing.
"""
import ctypes
import json
import math
import os
import sys
import time

began = time.perf_counter()
import torch
import torch.nn.functional as F
from torch import nn

IMPORT_S = time.perf_counter() - began
VOCAB, POOL = 256, 64
VARIANTS = ("loop", "foreach")  # AdamW over one parameter after another, or over lists of them


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.qkv, self.out = nn.LayerNorm(d), nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.norm2, self.up, self.down = nn.LayerNorm(d), nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x, mask):
        b, t, d = x.shape
        width = d // self.heads
        q, k, v = (z.view(b, t, self.heads, width).transpose(1, 2).reshape(-1, t, width)
                   for z in self.qkv(self.norm1(x)).split(d, 2))
        # One product with the mask added and the scale applied inside it.
        p = F.softmax(torch.baddbmm(mask, q, k.transpose(1, 2), alpha=1 / math.sqrt(width)), -1)
        y = torch.bmm(p, v).view(b, self.heads, t, width).transpose(1, 2).reshape(b, t, d)
        x = x + self.out(y)
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Model(nn.Module):
    def __init__(self, layers, d, heads, context):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(VOCAB, d), nn.Embedding(context, d)
        self.blocks = nn.ModuleList(Block(d, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(d)
        self.register_buffer("mask", torch.full((context, context), -math.inf).triu(1))

    def forward(self, tokens, target):
        x = self.wte(tokens) + self.wpe.weight
        for block in self.blocks:
            x = block(x, self.mask)
        return F.cross_entropy(F.linear(self.norm(x), self.wte.weight).view(-1, VOCAB), target.view(-1))


class Training:
    def __init__(self, order):
        context = order["context"]
        sequences = order["batch"] // context
        self.net = Model(order["layers"], order["d"], order["heads"], context)
        text = torch.randint(0, VOCAB, (POOL, sequences, context + 1))
        self.batches = [(t[:, :-1].contiguous(), t[:, 1:].contiguous()) for t in text]
        self.optimiser = torch.optim.AdamW(self.net.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1,
                                           foreach=order["variant"] == "foreach")
        self.taken = 0
        for _ in range(order["warm"]):
            self.step()

    def step(self):
        tokens, target = self.batches[self.taken % POOL]
        self.taken += 1
        loss = self.net(tokens, target)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()


def blas_core():
    """(core type, file) of every OpenBLAS of this process, and the files of any other BLAS."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        files = {line.split()[-1] for line in maps if "blas" in line.lower() and ".so" in line}
    cores, others = set(), []
    for file in sorted(files):
        try:
            name = ctypes.CDLL(file).openblas_get_corename
        except AttributeError:
            others.append(file)
            continue
        name.restype = ctypes.c_char_p
        cores.add(name().decode())
    return sorted(cores), others


def main():
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(1)
    cores, others = blas_core()
    print(json.dumps({"torch": torch.__version__, "import_s": IMPORT_S, "cores": cores, "other_blas": others,
                      "variants": VARIANTS}), flush=True)
    kept, key = None, None
    for line in sys.stdin:
        order = json.loads(line)
        if key != {k: order[k] for k in order if k != "seconds"}:
            key, kept = {k: order[k] for k in order if k != "seconds"}, None  # the old one goes first
            kept = Training(order)
        steps, began = 0, time.process_time()
        while not steps or time.process_time() - began < order["seconds"]:
            kept.step()
            steps += 1
        spent = time.process_time() - began
        print(json.dumps({"tokens_per_cpu_s": steps * order["batch"] / spent}), flush=True)


if __name__ == "__main__":
    assert os.environ.get("OMP_NUM_THREADS") == "1", "one thread: OMP_NUM_THREADS=1"
    main()
