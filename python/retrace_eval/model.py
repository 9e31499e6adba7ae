"""
Transformers' Llama for evaluation: one sequence at a time, so that nothing has to keep documents apart.

`nll` scores whole texts and keeps no cache. `read` keeps the cache, and any number of readings can go on from an
earlier one, which is never changed.
"""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

from retrace_train.failures import TrainingFailure
from retrace_train.loss import chunked_nll
from retrace_train.model import read_model_config

from .token_bytes import TokenBytes

HEAD_CHUNK = 2048  # tokens whose logits are in memory at once: 1 GiB of float32 with Llama 3's vocabulary


@dataclass(frozen=True)
class Reading:
    """Tokens that were read: their keys and values, and their last hidden states, `[tokens, channels]`."""

    cache: DynamicCache
    hidden: torch.Tensor


class Model:
    def __init__(self, llama: LlamaForCausalLM, tokens: TokenBytes):
        self.llama, self.tokens = llama, tokens
        self.max_positions: int = llama.config.max_position_embeddings

    @torch.inference_mode()
    def nll(self, ids: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Nats (float32) of the tokens at these positions, none of them 0, each given all tokens before it."""
        inputs = self._inputs(ids)
        hidden = self.llama.model(input_ids=inputs, use_cache=False).last_hidden_state[0]
        targets = torch.from_numpy(positions).to(inputs.device)
        return self.nll_of(hidden[targets - 1], inputs[0, targets])

    @torch.inference_mode()
    def nll_of(self, hidden: torch.Tensor, targets: torch.Tensor) -> np.ndarray:
        """Nats of each target under the state before it. @raises TrainingFailure MODEL_INVALID where it is no number"""
        return _checked(chunked_nll(hidden, targets, self.llama.lm_head, HEAD_CHUNK)).cpu().numpy()

    @torch.inference_mode()
    def likeliest_after(self, reading: Reading) -> int:
        """@raises TrainingFailure MODEL_INVALID where the logits are not numbers"""
        return int(_checked(self.llama.lm_head(reading.hidden[-1])).argmax())

    @torch.inference_mode()
    def read(self, ids: np.ndarray, after: Reading | None = None) -> Reading:
        """Reads these tokens after those of `after`, which is not changed."""
        cache = DynamicCache() if after is None else _branch(after.cache)
        hidden = self.llama.model(input_ids=self._inputs(ids), past_key_values=cache, use_cache=True).last_hidden_state
        return Reading(cache, hidden[0])

    def _inputs(self, ids: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(ids.astype(np.int64)).to(self.llama.device)[None]


def _branch(cache: DynamicCache) -> DynamicCache:
    """A layer replaces its tensors when it grows and never writes into them, so that both can share them."""
    branch = copy.copy(cache)
    branch.layers = [copy.copy(layer) for layer in cache.layers]
    return branch


def _checked(numbers: torch.Tensor) -> torch.Tensor:
    """A broken model must not be reported as a bad model."""
    if not numbers.isfinite().all():
        why = "What the model says is not a number. Its weights are broken, or too large for --dtype."
        raise TrainingFailure("MODEL_INVALID", why)
    return numbers


def pick_device(choice: str) -> torch.device:
    """@raises TrainingFailure NO_DEVICE"""
    if choice == "cuda" and not torch.cuda.is_available():
        raise TrainingFailure("NO_DEVICE", "--device cuda: PyTorch sees no CUDA device. Use --device cpu.")
    return torch.device("cuda" if choice != "cpu" and torch.cuda.is_available() else "cpu")


def read_config(folder: Path, tokens: TokenBytes) -> LlamaConfig:
    """@raises TrainingFailure MODEL_INVALID, also where it has fewer ids than its tokenizer; MODEL_UNSUPPORTED"""
    config = read_model_config(folder)
    if config.vocab_size < len(tokens.pieces):
        ids = f"the model has {config.vocab_size} ids and its tokenizer {len(tokens.pieces)}"
        raise _invalid(folder, f"{ids}, so they are of different models")
    return config


def load_model(folder: Path, config: LlamaConfig, tokens: TokenBytes, device: torch.device, dtype: str | None) -> Model:
    """@raises TrainingFailure MODEL_INVALID where weights are missing, which Transformers would draw at random"""
    torch.use_deterministic_algorithms(True, warn_only=True)
    logging.disable_progress_bar()
    wanted = getattr(torch, dtype or ("bfloat16" if device.type == "cuda" else "float32"))
    try:
        loaded: Any = LlamaForCausalLM.from_pretrained(
            folder, config=config, dtype=wanted, attn_implementation="sdpa", local_files_only=True,
            use_safetensors=True, output_loading_info=True, ignore_mismatched_sizes=True,
        )  # fmt: skip
        llama, report = loaded
    except Exception as error:
        raise _invalid(folder, str(error)) from error
    wrong = sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]]))
    if wrong:
        raise _invalid(folder, f"{len(wrong)} weights are missing or not of its shape, {wrong[0]} first")
    return Model(llama.to(device).eval(), tokens)


def _invalid(folder: Path, why: str) -> TrainingFailure:
    hint = "Give a whole Hugging Face folder of a Llama: config.json, safetensors, tokenizer.json."
    return TrainingFailure("MODEL_INVALID", f"{folder} cannot be used: {why.rstrip('.')}. {hint}")
