"""
The rows of each step: a pure function of the seed, the mixture and the step. Only `deal` depends on the ranks, so the
order of the data is the same for any world size, and its state is just the number of the step.
"""

from array import array
from collections.abc import Sequence

import numpy as np

from .failures import TrainingFailure


class Order:
    """
    Rows come from streams: one of all rows, or one for each domain of the mixture. A stream permutes its rows anew for
    each epoch, and the next slot goes to the stream whose tokens lag most behind its share.
    """

    def __init__(
        self,
        tokens: np.ndarray,  # int64 [N]
        domain_of: np.ndarray,  # int32 [N], index into `domains`
        domains: Sequence[str],
        seed: int,
        batch_rows: int,
        mixture: dict[str, float] | None,
    ):
        self.batch_rows = batch_rows
        self._tokens, self._seed = np.asarray(tokens, np.int64), seed
        rows_of_stream, weights = _streams(np.asarray(domain_of), list(domains), mixture, len(self._tokens))
        self._shares = [weight / sum(weights) for weight in weights]
        self._streams = [_Stream(rows, seed) for rows in rows_of_stream]
        self._given = [0] * len(weights)  # tokens, by stream
        self._sequence = array("q")  # rows in the order of training, as far as they were requested
        self._tokens_to = array("q", [0])  # tokens before each slot of the sequence
        self.epoch_tokens = sum(int(self._tokens[rows].sum()) for rows in rows_of_stream)

    def rows_of(self, step: int) -> np.ndarray:
        """int64 [batch_rows]: the rows of a step; the first step is 0."""
        end = (step + 1) * self.batch_rows
        while len(self._sequence) < end:
            self._give_next()
        return np.array(self._sequence[end - self.batch_rows : end], np.int64)

    def tokens_until(self, step: int) -> int:
        """Tokens of all earlier steps."""
        if step > 0:
            self.rows_of(step - 1)
        return self._tokens_to[step * self.batch_rows]

    def _give_next(self) -> None:
        total = self._tokens_to[-1]
        lags = [share * total - given for share, given in zip(self._shares, self._given, strict=True)]
        # Of equal streams the first with the largest share: at the start none lags.
        chosen = max(range(len(lags)), key=lambda stream: (lags[stream], self._shares[stream]))
        row = self._streams[chosen].next_row()
        tokens = int(self._tokens[row])
        self._given[chosen] += tokens
        self._sequence.append(row)
        self._tokens_to.append(total + tokens)


def total_steps(order: Order, until: dict) -> int:
    """
    The steps of `until`: {"steps": n}, or the fewest that reach {"tokens": n} or {"epochs": x}, where an epoch has as
    many tokens as the rows that are drawn from. The last step is complete: it takes rows of the next epoch.
    """
    if "steps" in until:
        return int(until["steps"])
    wanted = until["tokens"] if "tokens" in until else until["epochs"] * order.epoch_tokens
    steps = 1
    while order.tokens_until(steps) < wanted:
        steps += 1
    return steps


def deal(rows: np.ndarray, costs: np.ndarray, ranks: int) -> list[list[int]]:
    """
    Distributes the rows of a step evenly over the ranks: by falling cost, back and forth over the ranks. Ranks wait for
    each other in every micro-batch; this way the rows of a micro-batch cost about the same, and no other distribution
    has a smaller sum of the dearest rows. ProLong measured 11.7 % more tokens a second with it on eight GPUs.
    """
    if len(rows) % ranks != 0:
        message = f"batchRows is {len(rows)}, which {ranks} ranks cannot share evenly. Make it a multiple of {ranks}."
        raise TrainingFailure("CONFIG_INVALID", message, batchRows=len(rows), ranks=ranks)
    falling = np.asarray(rows)[np.argsort(-np.asarray(costs, np.float64), kind="stable")]
    rounds = falling.reshape(-1, ranks)
    rounds[1::2] = rounds[1::2, ::-1].copy()
    return rounds.T.tolist()


class _Stream:
    """An endless sequence of rows: each epoch is a permutation of them."""

    def __init__(self, rows: np.ndarray, seed: int):
        self._rows, self._seed = rows, seed
        self._epoch, self._next = 0, 0
        self._permuted = self._permutation()

    def next_row(self) -> int:
        if self._next == len(self._permuted):
            self._epoch, self._next = self._epoch + 1, 0
            self._permuted = self._permutation()
        self._next += 1
        return self._permuted[self._next - 1]

    def _permutation(self) -> list[int]:
        keys = _mix(_mix(_mix(np.uint64(self._seed)) + np.uint64(self._epoch)) + self._rows.astype(np.uint64))
        return self._rows[np.argsort(keys, kind="stable")].tolist()


def _streams(
    domain_of: np.ndarray, domains: list[str], mixture: dict[str, float] | None, count: int
) -> tuple[list[np.ndarray], list[float]]:
    """The rows and the weight of each stream. @raises TrainingFailure CONFIG_INVALID"""
    if mixture is None:
        return [np.arange(count, dtype=np.int64)], [1.0]
    unknown = sorted(set(mixture) - set(domains))
    if unknown or not mixture:
        named = f"names {', '.join(unknown)}, which no shard has" if unknown else "names no domain"
        message = f"mixture {named}. Domains there are: {', '.join(domains)}."
        raise TrainingFailure("CONFIG_INVALID", message, unknown=unknown, domains=domains)
    names = [name for name in domains if name in mixture]
    rows = [np.flatnonzero(domain_of == domains.index(name)) for name in names]
    return rows, [float(mixture[name]) for name in names]


def _mix(values: np.ndarray | np.uint64) -> np.ndarray:
    """splitmix64 (Steele, Lea and Flood 2014), one step. Written out, since numpy may change its own generators."""
    with np.errstate(over="ignore"):
        values = np.asarray(values, np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return values ^ (values >> np.uint64(31))
