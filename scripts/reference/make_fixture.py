"""Makes a tiny seeded Llama and records its log-probabilities, computed in double precision.

    python scripts/reference/make_fixture.py test/scoring/fixtures/tiny-llama
    python scripts/reference/make_fixture.py test/scoring/fixtures/tiny-llama3-rope --variant llama3-rope
    python scripts/reference/make_fixture.py FOLDER --model models/retrace-small

With --model it records those of a model that is there, behind a long prefix of random tokens.

Needs torch, transformers and numpy. The reference is what Transformers gives for the weights as they are stored, in
float64. Loading with `dtype=` matters: `model.to(bfloat16)` would round the rotary frequencies as well.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

SEED = 20
VOCABULARY_SIZE = 512
PREFIX_TOKENS = 157
LONG_PREFIX_TOKENS = 2000
TARGET_TOKENS = 23
CONTEXT_TOKENS = (0, 1, 5, 13)
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
VARIANTS = {
    "grouped": {"dtype": torch.bfloat16},
    "llama3-rope": {
        "dtype": torch.float16,
        "rope_parameters": LLAMA3_ROPE,
        "head_dim": 32,
        "num_hidden_layers": 1,
        "tie_word_embeddings": True,
    },
    "float32": {"dtype": torch.float32, "num_key_value_heads": 4},
    "one-kv-head": {"dtype": torch.bfloat16, "num_key_value_heads": 1, "num_hidden_layers": 1},
}


def make_model(variant: str) -> LlamaForCausalLM:
    torch.manual_seed(SEED)
    shape = {
        "hidden_size": 64,
        "intermediate_size": 160,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": VOCABULARY_SIZE,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0},
        "tie_word_embeddings": False,
    }
    changes = {key: value for key, value in VARIANTS[variant].items() if key != "dtype"}
    model = LlamaForCausalLM(LlamaConfig(**shape | changes)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn_like(parameter)
            # Far from the usual small start, so that log-probabilities differ widely and errors show.
            parameter.copy_(1 + 0.1 * noise if "norm" in name else 0.12 * noise)
    return model


def target_log_probs(model: LlamaForCausalLM, context: list[int], target: list[int]) -> list[float]:
    """Natural log-probability of each target token behind the context and the targets before it."""
    with torch.no_grad():
        logits = model(torch.tensor([context + target])).logits[0]
    assert logits.dtype == torch.float64
    rows = logits.log_softmax(-1)[len(context) - 1 : -1]
    return rows[torch.arange(len(target)), torch.tensor(target)].tolist()


def make_fixture(folder: Path, variant: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    make_model(variant).to(VARIANTS[variant]["dtype"]).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    record_reference(folder, folder, PREFIX_TOKENS)


def record_reference(folder: Path, model_folder: Path, prefix_tokens: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    model = LlamaForCausalLM.from_pretrained(model_folder, dtype=torch.float64).eval()
    random = np.random.default_rng(SEED)

    def draw(count: int) -> list[int]:
        return random.integers(0, model.config.vocab_size, count).tolist()

    prefix, target = draw(prefix_tokens), draw(TARGET_TOKENS)
    branches = []
    for count in CONTEXT_TOKENS:
        context = draw(count)
        log_probs = target_log_probs(model, prefix + context, target)
        branches.append({"context": context, "logProbs": [round(value, 9) for value in log_probs]})
    reference = {"prefix": prefix, "target": target, "branches": branches}
    (folder / "reference.json").write_text(json.dumps(reference) + "\n")
    print(f"{folder}: {len(branches)} branches of {TARGET_TOKENS} scored tokens behind {prefix_tokens}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--variant", choices=[*sorted(VARIANTS), "all"], default="grouped", help="all: a folder each")
    parser.add_argument("--model", type=Path, help="a model that is there")
    options = parser.parse_args()
    if options.model is not None:
        return record_reference(options.folder, options.model, LONG_PREFIX_TOKENS)
    if options.variant != "all":
        return make_fixture(options.folder, options.variant)
    for variant in VARIANTS:
        make_fixture(options.folder / variant, variant)


if __name__ == "__main__":
    main()
