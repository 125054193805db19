#!/usr/bin/env python3
"""What others reach on this machine: a training step in PyTorch, and the sparse product of PyTorch, scipy and MKL.

The step is the one that `daleian bench` times: at every time step, for all lanes (samples) side by side,

    z = W r + U x + b,  a = tanh(z),  r = max(a, 0),  y = V a + c,  L = mean (y - y*)²

then the gradient of L by W, U, b, V and c, Adam, and Dale's law: weights of a column (a presynaptic neuron) on the
wrong side of 0 become 0. README.md says how the work is made comparable.
"""

import argparse
import functools
import json
import os
import sys
import time
import warnings

import numpy as np
import scipy.sparse
import torch

CELLS = ["128,1.0,200,50", "128,0.1,200,50", "1440,0.05,200,7", "1440,0.2,200,7", "1000,0.1,32,50",
         "4096,0.01,32,20", "4096,0.05,32,20", "16384,0.01,16,10"]
PRODUCTS = [(1440, 0.05, 200), (4096, 0.05, 32), (16384, 0.01, 16), (16384, 0.01, 1)]
CHANNELS, OUTPUTS = 2, 2
DENSE_LIMIT = 16384  # neurons from which on nothing with n² numbers is tried
WARM_S, STEP_S, PRODUCT_S = 0.3, 1.8, 1.5  # for each way of a step and each product; a cell has six ways


def connections(n, density, rng):
    """W by post- and presynaptic neuron, with independent synapses; the first four fifths of neurons are excitatory."""
    degrees = rng.binomial(n, density, n)
    # 32-bit indices: MKL as PyTorch is built with it would have others converted before every product
    columns = np.concatenate([np.sort(rng.choice(n, k, replace=False, shuffle=False)) for k in degrees])
    columns, starts = columns.astype(np.int32), np.concatenate([[0], np.cumsum(degrees)]).astype(np.int32)
    sizes = (rng.uniform(0.01, 1, len(columns)) / n**0.5).astype(np.float32)
    return scipy.sparse.csr_matrix((np.where(columns < n * 4 // 5, sizes, -sizes), columns, starts), shape=(n, n))


def csr(w):
    # copies, for what is trained must not be shared
    parts = (torch.from_numpy(part.copy()) for part in (w.indptr, w.indices, w.data))
    return torch.sparse_csr_tensor(*parts, size=w.shape, check_invariants=False)


def transposed(w):
    """Wᵀ in CSR, with the place of each value among those of W in the place of the value."""
    return scipy.sparse.csr_matrix((np.arange(w.nnz), w.indices, w.indptr), w.shape).T.tocsr()


class Problem:
    """A network before training and a batch; every way of making a step begins with the same numbers."""

    def __init__(self, n, density, lanes, steps):
        rng = np.random.default_rng(1)
        uniform = lambda *shape: torch.from_numpy(rng.uniform(-1, 1, shape).astype(np.float32))
        self.n, self.lanes, self.steps, self.w = n, lanes, steps, connections(n, density, rng)
        # U and b side by side: b is the weight of a channel that is always 1
        self.u = uniform(n, CHANNELS + 1) / n**0.5
        self.v, self.c = uniform(OUTPUTS, n) / n**0.5, uniform(OUTPUTS) / n**0.5
        self.x = torch.cat([uniform(steps, CHANNELS, lanes), torch.ones(steps, 1, lanes)], dim=1)
        self.target = uniform(steps, OUTPUTS, lanes)


class Way:
    """A way of making a step. Parameters are W, (U b), V and c; `gradient` leaves theirs in .grad and gives L."""

    rate = 1e-6  # the network stays near its start however often it is stepped: the arithmetic is the same

    def __init__(self, problem, recurrent, excitatory):
        self.problem = problem
        self.parameters = [recurrent, problem.u.clone(), problem.v.clone(), problem.c.clone()]
        self.adam = torch.optim.Adam(self.parameters, lr=self.rate, fused=True)  # fused: one pass over memory
        # what Dale's law holds the weights within, for each column or each synapse
        self.low, self.high = torch.where(excitatory, 0.0, -torch.inf), torch.where(excitatory, torch.inf, 0.0)

    def step(self):
        loss = self.gradient()
        self.adam.step()
        self.parameters[0].detach().clamp_(self.low, self.high)
        return loss.item()

    def full(self, problem):
        """W with all n² numbers, and the excitatory columns. Without a synapse W stays 0: its gradient is masked."""
        full = torch.from_numpy(problem.w.toarray())
        self.mask = (full != 0).float()
        return full, torch.arange(problem.n) < problem.n * 4 // 5


class Differentiated(Way):
    """Differentiated by PyTorch."""

    def __init__(self, problem, recurrent, excitatory):
        super().__init__(problem, recurrent, excitatory)
        for parameter in self.parameters:
            parameter.requires_grad_()


class Autograd(Differentiated):
    """Full masked matrices as most would write them, lanes as rows."""

    def __init__(self, problem):
        super().__init__(problem, *self.full(problem))
        self.x, self.target = (batch.transpose(1, 2).contiguous() for batch in (problem.x, problem.target))

    def gradient(self):
        w, u, v, c = self.parameters
        self.adam.zero_grad()
        # once a training step, not once a time step; autograd masks the gradient here too
        masked = (w * self.mask).t()
        drive = self.x @ u.t()
        states = [torch.tanh(drive[0])]
        for t in range(1, self.problem.steps):
            states.append(torch.tanh(torch.addmm(drive[t], torch.relu(states[-1]), masked)))
        loss = torch.nn.functional.mse_loss(torch.stack(states) @ v.t() + c, self.target)
        loss.backward()
        return loss.detach()


class ByHand(Way):
    """Backpropagation through time written out: histories `[T, n, B]` made once, neurons as rows as CSR wants them.

    Subclasses have `matrix`, `transposed` (W and Wᵀ), and `outer`, the gradient of W from T - 1 steps of δ and r.
    """

    def __init__(self, problem, recurrent, excitatory):
        super().__init__(problem, recurrent, excitatory)
        self.a, self.r, self.delta = torch.zeros(3, problem.steps, problem.n, problem.lanes)
        self.back = torch.zeros(problem.n, problem.lanes)

    @torch.no_grad()
    def gradient(self):
        (w, u, v, c), a, r, delta, x = self.parameters, self.a, self.r, self.delta, self.problem.x
        torch.matmul(u, x, out=a)
        for t in range(len(a)):
            if t > 0:
                a[t].addmm_(self.matrix, r[t - 1])
            a[t].tanh_()
            torch.clamp_min(a[t], 0, out=r[t])
        error = torch.matmul(v, a).add_(c[:, None]).sub_(self.problem.target)
        loss = error.square().mean()
        dy = error.mul_(2 / error.numel())
        torch.matmul(v.t(), dy, out=delta)
        for t in reversed(range(len(a))):
            if t + 1 < len(a):
                self.back.addmm_(self.transposed, delta[t + 1], beta=0)
                # in place and one pass each: times [a > 0], and below times 1 - a²
                torch.ops.aten.threshold_backward.grad_input(self.back, a[t], 0, grad_input=self.back)
                delta[t] += self.back
            torch.ops.aten.tanh_backward.grad_input(delta[t], a[t], grad_input=delta[t])
        w.grad = self.outer(delta[1:], r[:-1])
        u.grad = torch.bmm(delta, x.transpose(1, 2)).sum(0)
        v.grad = torch.bmm(dy, a.transpose(1, 2)).sum(0)
        c.grad = dy.sum((0, 2))
        return loss


def by_neuron(history):
    """`[T, n, B]` as `[n, T B]`: a copy, so that one product goes over all steps and lanes."""
    return history.transpose(0, 1).reshape(history.shape[1], -1)


class ByHandFull(ByHand):
    """Full matrices: dW is one product, instead of a product and an addition of n² numbers for each time step."""

    def __init__(self, problem):
        super().__init__(problem, *self.full(problem))
        self.matrix, self.transposed = self.parameters[0], self.parameters[0].t()

    def outer(self, deltas, rates):
        return (by_neuron(deltas) @ by_neuron(rates).t()).mul_(self.mask)


class Csr(ByHand):
    """W and Wᵀ in CSR, multiplied by MKL; the gradient at the synapses in one of three ways."""

    def __init__(self, problem, way):
        self.way, w = way, problem.w
        self.matrix, self.transposed, self.sampled = csr(w), csr(w.T.tocsr()), csr(w)
        # .values() is the tensor's own memory: what Adam writes is what is multiplied
        super().__init__(problem, self.matrix.values(), torch.from_numpy(w.data) > 0)
        self.order = torch.from_numpy(transposed(w).data)
        if way == "full gathered":
            self.flat = torch.from_numpy(np.repeat(np.arange(problem.n), np.diff(w.indptr)) * problem.n + w.indices)

    def gradient(self):
        torch.index_select(self.parameters[0], 0, self.order, out=self.transposed.values())
        return super().gradient()

    def outer(self, deltas, rates):
        if self.way == "full gathered":  # most of n² numbers for nothing, and yet the fastest if W is small or dense
            return (by_neuron(deltas) @ by_neuron(rates).t()).view(-1)[self.flat]
        out = self.sampled
        if self.way == "sampled once":
            deltas, rates = by_neuron(deltas)[None], by_neuron(rates)[None]
        for t, (delta, rate) in enumerate(zip(deltas, rates)):
            torch.sparse.sampled_addmm(out, delta, rate.t(), beta=min(t, 1), out=out)
        return out.values()


class SparseProduct(torch.autograd.Function):
    """W r with W in CSR, and its derivative at the synapses alone, which PyTorch does not have."""

    @staticmethod
    def forward(ctx, values, r, way):
        ctx.save_for_backward(values, r)
        ctx.way = way
        return way.csr(way.forward, values) @ r

    @staticmethod
    def backward(ctx, delta):
        (values, r), way = ctx.saved_tensors, ctx.way
        sampled = torch.sparse.sampled_addmm(way.zero, delta, r.t(), beta=0)
        return sampled.values(), way.csr(way.backward, values[way.order]) @ delta, None


class CsrAutograd(Differentiated):
    """W in CSR as most would write it: neurons as rows, the product made known to autograd."""

    def __init__(self, problem):
        self.size, w, back = problem.w.shape, problem.w, transposed(problem.w)
        index = lambda w: (torch.from_numpy(w.indptr.copy()), torch.from_numpy(w.indices.copy()))
        self.forward, self.backward, self.order = index(w), index(back), torch.from_numpy(back.data)
        self.zero = self.csr(self.forward, torch.zeros(w.nnz))
        super().__init__(problem, torch.from_numpy(w.data.copy()), torch.from_numpy(w.data) > 0)

    def csr(self, index, values):
        return torch.sparse_csr_tensor(*index, values, size=self.size, check_invariants=False)

    def gradient(self):
        w, u, v, c = self.parameters
        self.adam.zero_grad()
        drive = u @ self.problem.x
        states = [torch.tanh(drive[0])]
        for t in range(1, self.problem.steps):
            states.append(torch.tanh(drive[t] + SparseProduct.apply(w, torch.relu(states[-1]), self)))
        loss = torch.nn.functional.mse_loss(v @ torch.stack(states) + c[:, None], self.problem.target)
        loss.backward()
        return loss.detach()


DENSE = {"autograd": Autograd, "by hand": ByHandFull}
CSR = {"autograd": CsrAutograd,
       **{way: functools.partial(Csr, way=way) for way in ("sampled once", "sampled each", "full gathered")}}


def check():
    """Loss, gradients and weights of every other way against autograd, over a few steps large enough to be clamped."""
    Way.rate = 3e-3
    for cell in [(60, 0.3, 9, 5), (40, 1.0, 16, 2), (300, 0.02, 3, 8)]:
        problem = Problem(*cell)
        sign = torch.from_numpy(np.sign(problem.w.data))
        for name, make in {"by hand": ByHandFull, **{f"CSR, {name}": make for name, make in CSR.items()}}.items():
            reference, way, worst = Autograd(problem), make(problem), 0.0
            at_entries = lambda w: (w[reference.mask != 0] if w.shape == reference.mask.shape else w).detach()
            for _ in range(5):
                want, got = reference.step(), way.step()
                pairs = list(zip(reference.parameters, way.parameters))
                pairs = [(at_entries(p), at_entries(q)) for p, q in pairs + [(p.grad, q.grad) for p, q in pairs]]
                worst = max([worst, abs(got / want - 1), *(float((p - q).norm() / p.norm()) for p, q in pairs)])
                assert worst <= 1e-4, f"{cell} {name}: off by {worst}"
            w = at_entries(way.parameters[0])
            assert (w * sign >= 0).all() and (w == 0).any(), f"{cell} {name}: Dale's law"
            print(f"{cell} {name}: loss, gradients and weights within {worst:.0e} of autograd")


def median(work, seconds):
    """The median of calls for `seconds`, at least one, after some that are not counted."""
    began, times = time.perf_counter(), []
    while (start := time.perf_counter()) < began + WARM_S + seconds or not times:
        work()
        if start > began + WARM_S:
            times.append(time.perf_counter() - start)
    return float(np.median(times))


def measure_step(n, density, lanes, steps):
    problem = Problem(n, density, lanes, steps)
    found, losses = dict(n=n, density=density, lanes=lanes, steps=steps, synapses=problem.w.nnz, ways={}), []
    for side, makers in [("dense", DENSE), ("csr", CSR)]:
        times = {}
        for name, make in makers.items():
            if n < DENSE_LIMIT or side == "csr" and name != "full gathered":
                way = make(problem)
                losses.append(way.step())
                times[name] = median(way.step, STEP_S)
        found[f"{side}_s"], found[f"{side}_way"] = min(((s, name) for name, s in times.items()), default=(None, None))
        found["ways"][side] = times
    assert max(losses) - min(losses) <= 1e-3 * max(losses), losses  # who finds another loss did other work
    return found


def measure_product(n, density, lanes, threads):
    w = connections(n, density, np.random.default_rng(1))
    # one lane is a vector, for which all have a routine of its own
    r = np.random.default_rng(2).uniform(0.1, 1, (n, lanes) if lanes > 1 else n).astype(np.float32)
    z, tw, tr, tz = np.zeros_like(r), csr(w), torch.from_numpy(r), torch.zeros(r.shape)
    works = {"torch": lambda: torch.mv(tw, tr, out=tz) if lanes == 1 else tz.addmm_(tw, tr, beta=0),
             "scipy": lambda: w @ r}
    try:
        from sparse_dot_mkl import dot_product_mkl, mkl_set_num_threads
        mkl_set_num_threads(threads)
        works["mkl"] = lambda: dot_product_mkl(w, r, out=z, out_scalar=0)  # without the 0 it adds to z
    except Exception as problem:  # not only ImportError: also where MKL itself does not load
        print(f"no MKL: {problem}", file=sys.stderr)
    found = dict(n=n, density=density, lanes=lanes, synapses=w.nnz, mkl_gflops=None)
    for name, work in works.items():
        assert np.allclose(work(), w @ r, rtol=1e-3, atol=1e-4), name
        found[f"{name}_gflops"] = 2e-9 * w.nnz * lanes / median(work, PRODUCT_S)
    return found


def row(cells):
    """A line of a table; what was not measured is a dash."""
    texts = ["-" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in cells]
    print(*(text.rjust(13) for text in texts), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="default: all cores")
    parser.add_argument("--cell", action="append", metavar="n,density,lanes,steps", help="only this; repeatable")
    parser.add_argument("--products", action="store_true", help="only the sparse products")
    parser.add_argument("--check", action="store_true", help="only compare the gradients, on small networks")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    args = parser.parse_args()
    warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
    torch.set_num_threads(args.threads)
    if args.check:
        return check()
    show = (lambda cells: None) if args.json else row
    steps, products = [], []
    # steps first: MKL brings threads of its own into the process
    if not args.products:
        show(header := ["n", "density", "lanes", "steps", "dense_s", "dense_way", "csr_s", "csr_way"])
        for cell in args.cell or CELLS:
            steps.append(measure_step(*(kind(text) for kind, text in zip((int, float, int, int), cell.split(",")))))
            show(map(steps[-1].get, header))
    if args.products or not args.cell:
        show(header := ["n", "density", "lanes", "torch_gflops", "scipy_gflops", "mkl_gflops"])
        for size in PRODUCTS:
            products.append(measure_product(*size, args.threads))
            show(map(products[-1].get, header))
    if args.json:
        print(json.dumps(dict(steps=steps, products=products, threads=args.threads, torch=torch.__version__)))


if __name__ == "__main__":
    main()
