"""
Muon: momentum, then its nearest semi-orthogonal matrix by Newton-Schulz, as the step (Keller Jordan, 2024).
Matrices of one shape are stacked, so the iteration runs as a few batched products.
"""

from collections import defaultdict

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


class Muon:
    def __init__(self, parameters: list[torch.nn.Parameter], rate: float = 0.02, momentum: float = 0.95, decay: float = 0.01):
        self.rate, self.momentum, self.decay = rate, momentum, decay
        self.groups = defaultdict(list)
        for index, parameter in enumerate(parameters):
            self.groups[tuple(parameter.shape)].append((index, parameter))
        self.state = [torch.zeros_like(parameter) for parameter in parameters]

    @torch.no_grad()
    def step(self, share: float) -> None:
        """One step at this share of the full learning rate."""
        for (rows, columns), members in self.groups.items():
            updates = []
            for index, parameter in members:
                buffer = self.state[index].lerp_(parameter.grad, 1 - self.momentum)
                updates.append(parameter.grad.lerp(buffer, self.momentum))  # Nesterov
            directions = orthogonalised(torch.stack(updates)) * max(1, rows / columns) ** 0.5
            for (_, parameter), direction in zip(members, directions):
                parameter.mul_(1 - share * self.rate * self.decay).add_(direction, alpha=-share * self.rate)


def orthogonalised(matrices: torch.Tensor) -> torch.Tensor:
    """[n, rows, columns] to matrices with the same singular vectors and singular values near 1."""
    a, b, c = COEFFICIENTS
    x = matrices.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).float()
