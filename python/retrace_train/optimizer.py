"""
AdamW, the gradient's norm and the learning rate.

Float32 moments are torch's own AdamW. Moments in bfloat16 save 4 bytes a parameter, which is what lets Llama-3-8B train
on rows of 64k tokens on one H200. Torch's AdamW refuses them beside float32 weights, so `HalfMomentsAdamW` below
up-casts them for each update. They need a second moment that forgets fast: bfloat16 holds steps of 2^-8 to 2^-7 of a
value, so a change by less than 0.2 to 0.4 % rounds to none. With beta2 = 0.999 a second moment would shrink by 0.1 % a
step, hence never; with 0.95 it does by 5 %. So beta2 above 0.99 is refused.

All of it works on a rank's own part of each tensor: the update is element by element, and only the norm is summed.
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
    With moments of zero, to begin with or for those of a checkpoint after `step` steps to be read into.

    @raises TrainingFailure CONFIG_INVALID
    """
    half = options.moments == "bfloat16"
    if half and options.beta2 > LARGEST_BETA2_OF_HALF_MOMENTS:
        why = f"beta2 = {options.beta2} changes a moment by less than bfloat16 can hold, so it would never shrink"
        most = LARGEST_BETA2_OF_HALF_MOMENTS
        raise TrainingFailure("CONFIG_INVALID", f"{why}. Use moments of float32, or beta2 of at most {most}.")
    parameters = list(model.parameters())
    groups = [
        {"params": [one for one in parameters if one.ndim >= 2], "weight_decay": options.weight_decay},
        {"params": [one for one in parameters if one.ndim < 2], "weight_decay": 0.0},
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
    """The update takes the moments before they are rounded."""
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
    Of the whole gradient over all ranks; the same number on each. Squares are summed in float64: in float32 the norm of
    a million values on a CPU is off by 1e-5, and by another amount for each number of ranks.
    """
    parts = [torch.linalg.vector_norm(local_gradient(one), dtype=torch.float64) for one in model.parameters()]
    return math.sqrt(ranks.sum([float(torch.stack(parts).square().sum())])[0])


def clip_gradient(model: torch.nn.Module, norm: float, most: float) -> None:
    if norm > most:
        torch._foreach_mul_([local_gradient(one) for one in model.parameters()], most / norm)


def learning_rate(step: int, total_steps: int, options: Options) -> float:
    """Of step 1 to total_steps: a straight line from 0 over the warm-up, then half a cosine to the final share."""
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
    """This rank's part, which shares its memory."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor
