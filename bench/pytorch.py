"""The works of the benchmark in PyTorch, for bench/pytorch.ts, which starts this.

Each line of the input is a request, and is answered by one line; both are JSON.
Arrays are float32, little-endian, in base64, of the shapes and names of the works.
"""

import base64
import json
import sys
import time

import torch
import torch.nn.functional as F

LABELS = "labels"


def decoded(array):
    data = bytearray(base64.b64decode(array["data"]))
    return torch.frombuffer(data, dtype=torch.float32).reshape(array["shape"])


def encoded(tensor):
    data = tensor.detach().contiguous().numpy().tobytes()
    return base64.b64encode(data).decode()


class Chained:
    """A job whose result takes its own place."""

    def __init__(self, work, operands):
        self.operands = operands
        self.work = work
        self.name = "w" if work.get("pass") == "kernel" else "x"

    def step(self):
        with torch.no_grad():
            self.operands[self.name] = self.next(**self.operands)

    def next(self, x, b=None, w=None, dy=None):
        if self.work["kind"] == "matmul":
            return x @ b
        if self.work["pass"] == "forward":
            return F.conv2d(x, w, padding=1)
        if self.work["pass"] == "input":
            return torch.nn.grad.conv2d_input(x.shape, w, x, padding=1)
        return 0.5 * w + torch.nn.grad.conv2d_weight(x, w.shape, dy, padding=1)

    def last(self):
        return self.operands[self.name].flatten()[0].item()

    def results(self):
        return {self.name: self.operands[self.name]}


class Training:
    """Steps of a network with Adam."""

    def __init__(self, work, operands, buffers, options):
        self.inputs = operands.pop("inputs")
        self.labels = operands.pop(LABELS).long()
        self.parameters = {
            name: value.requires_grad_() for name, value in operands.items()
        }
        self.buffers = buffers
        self.options = options
        self.network = self.mlp if work["model"] == "mlp" else self.resnet20
        self.adam = torch.optim.Adam(
            self.parameters.values(),
            lr=options["learningRate"],
            betas=(options["beta1"], options["beta2"]),
            eps=options["epsilon"],
            foreach=True,
        )
        self.loss = torch.zeros(())

    def step(self):
        self.adam.zero_grad(set_to_none=True)
        self.loss = F.cross_entropy(self.network(self.inputs), self.labels)
        self.loss.backward()
        self.adam.step()

    def linear(self, name, x):
        p = self.parameters
        return F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])

    def mlp(self, x):
        x = F.relu(self.linear("fc1", x))
        x = F.relu(self.linear("fc2", x))
        return self.linear("fc3", x)

    def conv(self, name, x, stride):
        weight = self.parameters[f"{name}.weight"]
        return F.conv2d(x, weight, stride=stride, padding=1)

    def batch_norm(self, name, x):
        return F.batch_norm(
            x,
            self.buffers[f"{name}.running_mean"],
            self.buffers[f"{name}.running_var"],
            self.parameters[f"{name}.weight"],
            self.parameters[f"{name}.bias"],
            training=True,
            momentum=self.options["batchNormMomentum"],
            eps=self.options["batchNormEpsilon"],
        )

    def resnet20(self, x):
        x = F.relu(self.batch_norm("bn1", self.conv("conv1", x, 1)))
        for stage in (1, 2, 3):
            for index in (0, 1, 2):
                name = f"layer{stage}.{index}"
                down = stage > 1 and index == 0
                # Every second row and column, between channels of zeros.
                side = x.shape[1] // 2
                kept = x
                if down:
                    kept = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, side, side))
                x = self.conv(f"{name}.conv1", x, 2 if down else 1)
                x = F.relu(self.batch_norm(f"{name}.bn1", x))
                x = self.batch_norm(f"{name}.bn2", self.conv(f"{name}.conv2", x, 1))
                x = F.relu(x + kept)
        return self.linear("linear", x.mean((2, 3)))

    def last(self):
        return self.loss.item()

    def results(self):
        return {"loss": self.loss.reshape(1), **self.parameters}


def prepared(request):
    arrays = {
        kind: {name: decoded(array) for name, array in request[kind].items()}
        for kind in ("operands", "buffers")
    }
    work = request["work"]
    if work["kind"] != "training":
        return Chained(work, arrays["operands"])
    if work["optimizer"] != "adam":
        raise ValueError(f"PyTorch has no {work['optimizer']}")
    return Training(work, **arrays, options=request["options"])


def main():
    job = None

    def answer(request):
        nonlocal job
        action = request["action"]
        if action == "open":
            torch.set_num_threads(request["threads"])
            return {"version": torch.__version__}
        if action == "prepare":
            job = prepared(request)
            return {}
        if action == "run":
            for _ in range(request["steps"]):
                job.step()
            return {"last": job.last(), "processor": time.process_time()}
        if action == "read":
            return {name: encoded(x) for name, x in job.results().items()}
        raise ValueError(f"unknown action {action}")

    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)


main()
