"""
AdamW, the gradient's norm and the learning rate.

With float32 moments this is torch's own AdamW. Moments in bfloat16 save 4 bytes a parameter: with them Llama-3-8B
trains on rows of 64k tokens on one H200. Torch's AdamW does not support them beside float32 weights, so
`HalfMomentsAdamW` below converts them for each update. They need a second moment that decays fast: the steps of
bfloat16 are 2^-8 to 2^-7 of a value, so a change by less than 0.2 to 0.4 % is rounded away. With beta2 = 0.999 the
second moment would decay by 0.1 % a step, and so never; with 0.95 it decays by 5 %. So beta2 above 0.99 is refused.

Everything here works on a rank's own part of each tensor: the update is by element, and only the norm is summed.
"""

import math

import torch
from torch.distributed.tensor import DTensor

from .failures import TrainingFailure
from .job import Optimizer as Options
from .ranks import Ranks

LARGEST_BETA2_OF_HALF_MOMENTS = 0.99


def make_optimizer(model: torch.nn.Module, options: Options, step: int = 0) -> torch.optim.Optimizer:
    """
    The moments are zero: for the first step, or to read those of a checkpoint after `step` steps into.

    @raises TrainingFailure CONFIG_INVALID
    """
    half = options.moments == "bfloat16"
    if half and options.beta2 > LARGEST_BETA2_OF_HALF_MOMENTS:
        why = f"beta2 = {options.beta2} changes a moment by less than bfloat16 can hold, so it would never shrink"
        most = LARGEST_BETA2_OF_HALF_MOMENTS
        raise TrainingFailure("CONFIG_INVALID", f"{why}. Use moments of float32, or beta2 of at most {most}.")
    parameters = list(model.parameters())
    groups = [
        {
            "params": [parameter for parameter in parameters if parameter.ndim >= 2],
            "weight_decay": options.weight_decay,
        },
        {"params": [parameter for parameter in parameters if parameter.ndim < 2], "weight_decay": 0.0},
    ]
    settings = {"lr": options.learning_rate, "betas": (options.beta1, options.beta2), "eps": options.epsilon}
    fused = parameters[0].device.type == "cuda"
    optimizer = HalfMomentsAdamW(groups, settings) if half else torch.optim.AdamW(groups, **settings, fused=fused)
    for parameter in parameters:
        moment = torch.bfloat16 if half else torch.float32
        optimizer.state[parameter] = {
            "step": torch.tensor(float(step), device=parameter.device if fused and not half else "cpu"),
            "exp_avg": torch.zeros_like(parameter, dtype=moment),
            "exp_avg_sq": torch.zeros_like(parameter, dtype=moment),
        }
    return optimizer


class HalfMomentsAdamW(torch.optim.Optimizer):
    """AdamW (Loshchilov and Hutter) whose moments are stored in bfloat16 and computed with in float32."""

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                state = self.state[parameter]
                state["step"] += 1
                first, second = local(state["exp_avg"]), local(state["exp_avg_sq"])
                _update(local(parameter), local_gradient(parameter), first, second, int(state["step"]), group)


def _update(weight, gradient, first, second, step: int, group: dict) -> None:
    """The update uses the moments before they are rounded."""
    rate, (beta1, beta2) = group["lr"], group["betas"]
    mean = first.float().lerp_(gradient, 1 - beta1)
    square = second.float().mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
    first.copy_(mean)
    second.copy_(square)
    weight.mul_(1 - rate * group["weight_decay"])
    divisor = square.sqrt_().div_(math.sqrt(1 - beta2**step)).add_(group["eps"])
    weight.addcdiv_(mean, divisor, value=-rate / (1 - beta1**step))


def gradient_norm(model: torch.nn.Module, ranks: Ranks) -> float:
    """
    The norm of the whole gradient over all ranks; the same on each. Squares are summed in float64: in float32 the norm
    of a million values on a CPU is off by 1e-5, and differently for each number of ranks.
    """
    gradients = [local_gradient(parameter) for parameter in model.parameters()]
    parts = [torch.linalg.vector_norm(gradient, dtype=torch.float64) for gradient in gradients]
    return math.sqrt(ranks.sum([float(torch.stack(parts).square().sum())])[0])


def clip_gradient(model: torch.nn.Module, norm: float, most: float) -> None:
    if norm > most:
        torch._foreach_mul_([local_gradient(parameter) for parameter in model.parameters()], most / norm)


def learning_rate(step: int, total_steps: int, options: Options) -> float:
    """For steps 1 to total_steps: linear from 0 during the warm-up, then half a cosine down to the final share."""
    warm_up = round(options.warm_up_share * total_steps)
    if step <= warm_up:
        return options.learning_rate * step / warm_up
    progress = (step - warm_up) / (total_steps - warm_up)
    share = options.final_share + (1 - options.final_share) * (1 + math.cos(math.pi * progress)) / 2
    return options.learning_rate * share


def local_gradient(parameter: torch.nn.Parameter) -> torch.Tensor:
    """This rank's part of its gradient, which the backward pass has made for every parameter."""
    assert parameter.grad is not None
    return local(parameter.grad)


def local(tensor: torch.Tensor) -> torch.Tensor:
    """This rank's part of a tensor, as a view."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor
