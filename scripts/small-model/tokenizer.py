"""
Train the byte-level BPE tokenizer on what the model will read: code, and the narrator's prose around it.

Llama-3's split pattern and the five special tokens of the llama3-chat renderer; no normaliser, nothing added on its
own. All 256 bytes are in the alphabet, so every text can be written and nothing is ever unknown.

    python tokenizer.py --work DIR     writes tokenizer.json and tokenizer_config.json
"""

import argparse
import json
import random
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from data import documents, pieces_of

SEED = 20
VOCABULARY = 4096
CONTEXT = 4096
SAMPLE_BYTES = 40_000_000
SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
SPLIT = (
    r"'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def training_text(work: Path):
    """Text of random documents up to SAMPLE_BYTES."""
    rng, left = random.Random(SEED), SAMPLE_BYTES
    for document in documents(work):
        if rng.random() < 0.5:
            continue
        for piece in pieces_of(document, "tokenizer", rng):
            for segment in piece:
                if not segment["special"]:
                    yield segment["text"]
                    left -= len(segment["text"])
        if left <= 0:
            return


def train(work: Path) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(byte_fallback=False, ignore_merges=False))
    split = pre_tokenizers.Split(Regex(SPLIT), behavior="isolated", invert=False)
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIAL), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(training_text(work), trainer)
    tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in SPECIAL])
    assert tokenizer.get_vocab_size() == VOCABULARY, tokenizer.get_vocab_size()
    return tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(".retrace/small-model"))
    work = parser.parse_args().work
    tokenizer = train(work)
    tokenizer.save(str(work / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": SPECIAL[0],
        "eos_token": SPECIAL[1],
        "clean_up_tokenization_spaces": False,
        "model_max_length": CONTEXT,
    }
    (work / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    print(f"{tokenizer.get_vocab_size()} tokens")


if __name__ == "__main__":
    main()
