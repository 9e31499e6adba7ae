"""Time by the host's clock around work that is waited for."""

import time
from collections.abc import Callable

import torch


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def time_ms(device: str, work: Callable[[], object]) -> float:
    synchronize(device)
    started = time.perf_counter()
    work()
    synchronize(device)
    return 1e3 * (time.perf_counter() - started)


def sample_ms(device: str, work: Callable[[], object], warm_ups: int, repeats: int) -> list[float]:
    for _ in range(warm_ups):
        time_ms(device, work)
    return [time_ms(device, work) for _ in range(repeats)]


def sample_batches_ms(
    launch: Callable[[int], object], wait: Callable[[], None], target_s: float, samples: int
) -> list[float]:
    """Milliseconds of one launch: many launches, one wait, so that the waiting and the host's gaps are spread over
    them. `launch(i)` gets a running number, for choosing among inputs."""
    launch(0)
    wait()
    started = time.perf_counter()
    launch(1)
    wait()
    once = time.perf_counter() - started
    count = max(1, min(200, int(target_s / max(once, 1e-6))))
    results, turn = [], 2
    for _ in range(samples):
        started = time.perf_counter()
        for _ in range(count):
            launch(turn)
            turn += 1
        wait()
        results.append(1e3 * (time.perf_counter() - started) / count)
    return results
