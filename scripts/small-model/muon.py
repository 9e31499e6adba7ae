"""
Muon: momentum, then its nearest semi-orthogonal matrix by Newton-Schulz, as the step (Keller Jordan, 2024).
One matrix at a time in bfloat16: on CPU that is several times faster than float32 or a batched product.
"""

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


class Muon:
    def __init__(
        self, parameters: list[torch.nn.Parameter], rate: float = 0.02, momentum: float = 0.95, decay: float = 0.01
    ):
        self.parameters, self.rate, self.momentum, self.decay = parameters, rate, momentum, decay
        self.state = [torch.zeros_like(parameter) for parameter in parameters]

    @torch.no_grad()
    def step(self, share: float) -> None:
        """One step at this share of the full learning rate."""
        rate = share * self.rate
        for parameter, buffer in zip(self.parameters, self.state, strict=True):
            gradient = parameter.grad
            assert gradient is not None
            buffer.lerp_(gradient, 1 - self.momentum)
            direction = orthogonalised(gradient.lerp(buffer, self.momentum))  # Nesterov
            rows, columns = parameter.shape
            parameter.mul_(1 - rate * self.decay).add_(direction, alpha=-rate * max(1, rows / columns) ** 0.5)


def orthogonalised(matrix: torch.Tensor) -> torch.Tensor:
    """A matrix [rows, columns] with the same singular vectors and singular values near 1."""
    a, b, c = COEFFICIENTS
    x = matrix.bfloat16()
    tall = x.shape[0] > x.shape[1]
    x = x.T.contiguous() if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.T if tall else x).float()
