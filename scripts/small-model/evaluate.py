"""
Export the trained model in Hugging Face's format, check it against Transformers, measure it on held-out code, and
write the manifest.

Every held-out file is scored after `Write <path>` alone (bits per byte, to set beside `xz -9` on the same file), after
its own thought, and after another file's thought (the control). Longer held-out trajectories give bits per byte by
position.

    python evaluate.py --work DIR --out models/retrace-small
"""

import argparse
import hashlib
import json
import lzma
import math
import shutil
from collections import defaultdict
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from data import Encoder
from model import Llama, Shape

ARCHITECTURE = "LlamaForCausalLM"
BUCKETS = ((0, 512), (512, 1024), (1024, 2048), (2048, 4096))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(".retrace/small-model"))
    parser.add_argument("--out", type=Path, default=Path("models/retrace-small"))
    parser.add_argument("--minutes", type=float, default=55, help="what train.py was given; for the manifest")
    parser.add_argument("--note", action="append", default=[], help="something more to say in the manifest")
    options = parser.parse_args()
    torch.set_num_threads(1)
    checkpoint = torch.load(options.work / "checkpoint.pt")
    model = Llama(Shape())
    model.load_state_dict(
        {name: tensor.bfloat16().float() for name, tensor in checkpoint["model"].items()}
    )  # as exported
    export(model, options.work, options.out)
    encoder = Encoder(options.out / "tokenizer.json")
    difference = difference_from_transformers(model, encoder, options.out, options.work)
    figures = {
        "held_out": held_out_figures(model, encoder, options.work),
        "bits_per_byte_by_position": by_position(model, encoder, options.work),
    }
    figures |= {"largest_difference_from_transformers": difference}
    write_manifest(model, checkpoint["counters"], figures, options)
    print(json.dumps(figures, indent=2))


def export(model: Llama, work: Path, out: Path) -> None:
    shape = model.shape
    out.mkdir(parents=True, exist_ok=True)
    config = {
        "architectures": [ARCHITECTURE],
        "model_type": "llama",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.channels,
        "intermediate_size": shape.feed_forward,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "max_position_embeddings": shape.context,
        "rope_theta": shape.rope_theta,
        "rms_norm_eps": shape.norm_eps,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": shape.tied,
    }
    special = {t["content"]: t["id"] for t in json.loads((work / "tokenizer.json").read_text())["added_tokens"]}
    config |= {
        "bos_token_id": special["<|begin_of_text|>"],
        "eos_token_id": special["<|end_of_text|>"],
        "torch_dtype": "bfloat16",
    }
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    weights = {name: tensor.bfloat16().contiguous() for name, tensor in model.state_dict().items()}
    if shape.tied:
        del weights["lm_head.weight"]
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(work / name, out / name)


def difference_from_transformers(model: Llama, encoder: Encoder, out: Path, work: Path) -> float:
    """Largest difference of a log-probability (nats) on a held-out text: the exported folder against ours, float32."""
    from transformers import AutoTokenizer, LlamaForCausalLM

    step = code_steps(work)[0]
    text = text_of(step["content"])
    reloaded = AutoTokenizer.from_pretrained(out)
    assert reloaded.encode(text, add_special_tokens=False) == encoder.segments(step["content"])[0]
    theirs = LlamaForCausalLM.from_pretrained(out, dtype=torch.float32, attn_implementation="sdpa")
    ids = torch.tensor([reloaded.encode(text, add_special_tokens=False)])
    with torch.no_grad():
        a = F.log_softmax(model.lm_head(model(ids)), -1)
        b = F.log_softmax(theirs(ids).logits, -1)
    difference = (a - b).abs().max().item()
    assert difference < 1e-4, difference
    return difference


def code_steps(work: Path, name: str = "held-out.jsonl") -> list[dict]:
    """The steps that write code, one for each held-out file."""
    lines = [json.loads(line) for line in (work / name).read_text().splitlines()]
    return [step for line in lines for step in line["steps"] if step["content"]]


def text_of(segments: list[dict]) -> str:
    return "".join(segment["text"] for segment in segments)


@torch.no_grad()
def nats(model: Llama, context: list[int], target: list[int]) -> torch.Tensor:
    """Negative log-likelihood of every target token after the context."""
    ids = torch.tensor([(context + target)[-model.shape.context - 1 :]])
    losses = F.cross_entropy(model.lm_head(model(ids[:, :-1]))[0].float(), ids[0, 1:], reduction="none")
    return losses[-len(target) :]


def held_out_figures(model: Llama, encoder: Encoder, work: Path) -> dict:
    steps, totals, tokens, size, packed = code_steps(work), defaultdict(float), 0, 0, 0
    for index, step in enumerate(steps):
        target = encoder.segments(step["content"])[0]
        thoughts = {
            "no_thought": [],
            "own_thought": step["thoughts"][0],
            "own_longest_thought": max(step["thoughts"], key=lambda t: len(text_of(t))),
        }
        thoughts["another_files_thought"] = steps[(index + len(steps) // 2) % len(steps)]["thoughts"][0]
        for name, thought in thoughts.items():
            context = encoder.segments(step["open"] + thought + step["action"])[0]
            totals[name] += nats(model, context, target).sum().item()
        text = text_of(step["content"]).encode()
        tokens, size, packed = tokens + len(target), size + len(text), packed + len(lzma.compress(text, preset=9))
    return {
        "files": len(steps),
        "bytes": size,
        "tokens": tokens,
        "bytes_per_token": round(size / tokens, 3),
        "bits_per_byte": round(totals["no_thought"] / math.log(2) / size, 4),
        "bits_per_byte_after_own_thought": round(totals["own_thought"] / math.log(2) / size, 4),
        "xz_9_bits_per_byte": round(8 * packed / size, 4),
        "nats_per_token": {name: round(total / tokens, 4) for name, total in totals.items()},
    }


def by_position(model: Llama, encoder: Encoder, work: Path) -> dict:
    """Bits per byte of trained text by position, over the first 4096 tokens of whole held-out trajectories."""
    sums, sizes = defaultdict(float), defaultdict(int)
    for line in (work / "held-out-whole.jsonl").read_text().splitlines():
        document = json.loads(line)
        segments = list(document["header"])
        for step in document["steps"]:
            segments += (
                step["open"]
                + (step["thoughts"][0] if step["thoughts"] else [])
                + step["action"]
                + step["content"]
                + step["close"]
            )
        ids, trained = encoder.segments(segments)
        ids, trained = ids[: model.shape.context], trained[: model.shape.context]
        losses = nats(model, ids[:1], ids[1:])
        for low, high in BUCKETS:
            kept = [i for i in range(max(low, 1), min(high, len(ids))) if trained[i] and encoder.byte_length(ids[i])]
            sums[low, high] += losses[[i - 1 for i in kept]].sum().item()
            sizes[low, high] += sum(encoder.byte_length(ids[i]) for i in kept)
    return {
        f"{low}-{high}": round(sums[low, high] / math.log(2) / sizes[low, high], 4)
        for low, high in BUCKETS
        if sizes[low, high]
    }


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_manifest(model: Llama, counters: dict, figures: dict, options: argparse.Namespace) -> None:
    shape, corpus = model.shape, json.loads((options.work / "corpus.json").read_text())
    names = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
    keys = ("registry", "name", "version", "licence", "files", "bytes", "sha256")
    manifest = {
        "name": options.out.name,
        "architecture": ARCHITECTURE,
        "parameters": sum(p.numel() for p in model.parameters()),
        "dtype": "bfloat16",
        "vocabulary": shape.vocabulary,
        "context": shape.context,
        "licence": "Apache-2.0",
        "made_by": "scripts/small-model, from random weights",
        "files": {
            name: {"bytes": (options.out / name).stat().st_size, "sha256": sha256(options.out / name)} for name in names
        },
        "training": {
            "command": f"python scripts/small-model/train.py --minutes {options.minutes:g}",
            "machine": "2 CPU cores, shared with other work",
            "minutes": round(counters["seconds"] / 60, 1),
            "steps": counters["step"],
            "tokens_seen": counters["tokens"],
            "seed": 20,
        },
        "figures": figures,
        "notes": [
            "The thoughts in the training text come from the same narrator that writes them in a run. That this model "
            "gains from a true thought shows that the machinery works, not that the paper's claim holds.",
            "No package of the demo, tests or benches is in training, nor any file that shares more than a tenth "
            "of its three-line windows with the held-out packages, the project's dependencies or Python's standard "
            "library.",
            "The format is llama3-chat; bits_per_byte is of file content after `Write <path>`, no header, no thought.",
            *options.note,
        ],
        "held_out": corpus["held_out"],
        "held_out_overlap": corpus["overlap"],
        "training_bytes_by_language": corpus["bytes"],
        "sources": [{key: source[key] for key in keys} for source in corpus["sources"]],
    }
    (options.out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    main()
