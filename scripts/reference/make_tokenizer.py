"""Makes the tokenizer of the test model: a byte-level BPE of 512 entries with Llama 3's split and special tokens.

    python scripts/reference/make_tokenizer.py test/scoring/fixtures/tiny-llama

Learned from the text below and nothing else, so that equal input gives an equal file.
"""

import sys
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

VOCABULARY_SIZE = 512
SPECIALS = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SAMPLE = """
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Reads the configuration of a project and fills in what is missing. */
export async function readConfig(folder: string, defaults: Config): Promise<Config> {
  const text = await readFile(join(folder, 'config.json'), 'utf8')
  const config = JSON.parse(text) as Partial<Config>
  if (config.name === undefined) throw new Error('The configuration has no name')
  return { ...defaults, ...config }
}

class Stack:
    def __init__(self, items=None):
        self.items = list(items or [])

    def push(self, item):
        self.items.append(item)
        return self

    def pop(self):
        if not self.items:
            raise IndexError("pop from an empty stack")
        return self.items.pop()

def test_a_stack_gives_back_what_was_pushed_last():
    stack = Stack()
    for number in range(100):
        stack.push(number)
    assert stack.pop() == 99

The file exports one function; the tests import it and call it with 1, 20 and 300 items.
"""


def main(folder: Path) -> None:
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3_SPLIT), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE - len(SPECIALS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([SAMPLE], trainer)
    tokenizer.add_special_tokens(SPECIALS)  # behind the vocabulary, as in Llama 3
    if tokenizer.get_vocab_size() != VOCABULARY_SIZE:
        raise SystemExit(
            f"{tokenizer.get_vocab_size()} entries were learned, expected {VOCABULARY_SIZE}: enlarge SAMPLE"
        )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
