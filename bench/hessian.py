"""What AdaHessian's exact Hessian-vector product costs in PyTorch, in Adam steps.

ResNet-20 at a batch of 32, two threads, the network of pytorch.py:

    /usr/bin/python3 bench/hessian.py

A step of each in turn. AdaHessian's step has all that its derivatives need: the
gradient with its graph, a random sign for each weight, and the gradient of their
product. Its update costs next to nothing beside that, and is Adam's here.
"""

import statistics
import time

import torch
import torch.nn.functional as F

from pytorch import LABELS, Training

ROUNDS, STEPS = 5, 5
OPTIONS = {
    "learningRate": 1e-3,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-8,
    "batchNormMomentum": 0.1,
    "batchNormEpsilon": 1e-5,
}


def resnet20():
    parameters, buffers = {}, {}

    def conv_and_norm(name, channels, outputs):
        scale = (2 / (9 * channels)) ** 0.5
        weight = scale * torch.randn(outputs, channels, 3, 3)
        parameters[name.format("conv") + ".weight"] = weight
        norm = name.format("bn")
        parameters[norm + ".weight"] = torch.ones(outputs)
        parameters[norm + ".bias"] = torch.zeros(outputs)
        buffers[norm + ".running_mean"] = torch.zeros(outputs)
        buffers[norm + ".running_var"] = torch.ones(outputs)

    conv_and_norm("{}1", 3, 16)
    channels = 16
    for stage, outputs in ((1, 16), (2, 32), (3, 64)):
        for index in (0, 1, 2):
            for half in (1, 2):
                name = f"layer{stage}.{index}." + "{}" + str(half)
                conv_and_norm(name, channels, outputs)
                channels = outputs
    parameters["linear.weight"] = 0.1 * torch.randn(10, 64)
    parameters["linear.bias"] = torch.zeros(10)
    return parameters, buffers


def hessian_step(training):
    parameters = list(training.parameters.values())
    output = training.network(training.inputs)
    loss = F.cross_entropy(output, training.labels)
    gradients = torch.autograd.grad(loss, parameters, create_graph=True)
    signs = [2 * torch.randint_like(p, 2) - 1 for p in parameters]
    products = torch.autograd.grad(gradients, parameters, signs)
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = gradient.detach()
    training.adam.step()
    return [sign * product for sign, product in zip(signs, products)]


def seconds(step):
    clock, processor = time.perf_counter(), time.process_time()
    for _ in range(STEPS):
        step()
    clock = time.perf_counter() - clock
    return clock / STEPS, (time.process_time() - processor) / STEPS


def main():
    torch.manual_seed(0)
    torch.set_num_threads(2)
    parameters, buffers = resnet20()
    operands = {
        **parameters,
        "inputs": torch.randn(32, 3, 32, 32),
        LABELS: torch.arange(32) % 10,
    }
    work = {"kind": "training", "model": "resnet20", "optimizer": "adam"}
    training = Training(work, operands, buffers, OPTIONS)
    steps = {"adam": training.step, "hessian": lambda: hessian_step(training)}
    times = {name: [] for name in steps}
    for step in steps.values():
        seconds(step)
    for _ in range(ROUNDS):
        for name, step in steps.items():
            times[name].append(seconds(step))
    for i, kind in enumerate(("clock", "processor")):
        adam, hessian = (
            statistics.median(round[i] for round in times[name]) for name in steps
        )
        print(
            f"{kind}: Adam {1000 * adam:.0f} ms, with a Hessian-vector product"
            f" {1000 * hessian:.0f} ms ({hessian / adam:.2f})"
        )


if __name__ == "__main__":
    main()
