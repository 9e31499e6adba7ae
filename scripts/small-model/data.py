"""
From rendered trajectories (corpus.jsonl, written by render.ts) to windows of token ids.

A line of corpus.jsonl is one repository: {"source", "header": [segment], "steps": [{"path", "tool", "open",
"thoughts", "action", "content", "close"}], "end": [segment]}; a segment is {"text", "origin", "trainable", "special"};
`thoughts` are several tellings of the step's facts, each a list of segments. As in a run, every segment is encoded by
itself, and the name of a special token inside repository text stays plain characters.

    python data.py --work DIR     writes train-<pass>.npz: ids uint16 [N], trained bool [N], lengths int32 [pieces],
                                  headers bool [pieces]; a piece is the header of a document or one step
"""

import argparse
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

NO_THOUGHT = 0.15
READ_DROPPED = 0.7
PASSES = ("first", "second", "long")
OVERLAP = 0.2


class Encoder:
    """Text to ids without added tokens; special tokens by name only."""

    def __init__(self, path: Path):
        description = json.loads(path.read_text())
        self.special = {token["content"]: token["id"] for token in description["added_tokens"]}
        self.tokenizer = Tokenizer.from_str(json.dumps(description | {"added_tokens": [], "post_processor": None}))

    def segments(self, segments: list[dict]) -> tuple[list[int], list[bool]]:
        """Ids, and for each whether it is trained."""
        ids, trained = [], []
        for segment in segments:
            if segment["special"]:
                piece = [self.special[segment["text"]]]
            else:
                piece = self.tokenizer.encode(segment["text"], add_special_tokens=False).ids
            ids += piece
            trained += [segment["trainable"]] * len(piece)
        return ids, trained

    def byte_length(self, token: int) -> int:
        """Bytes that a token stands for: a byte-level token has one character per byte. 0 for special tokens."""
        return len(self.tokenizer.id_to_token(token) or "")


def documents(work: Path):
    with (work / "corpus.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def pieces_of(document: dict, name: str, rng: random.Random) -> list[list[dict]]:
    """
    A document as header and steps, each a list of segments. Every step gets one of its thoughts by chance, now and then
    none. Only the long pass keeps all Reads: what they show is not trained, so in short windows it would be idle work.
    """
    pieces = [document["header"]]
    for step in document["steps"]:
        if step["tool"] == "Read" and name != "long" and rng.random() < READ_DROPPED:
            continue
        thought = rng.choice(step["thoughts"]) if step["thoughts"] and rng.random() >= NO_THOUGHT else []
        pieces.append(step["open"] + thought + step["action"] + step["content"] + step["close"])
    pieces[-1] = pieces[-1] + document["end"]
    return pieces


def encode_pass(work: Path, encoder: Encoder, name: str) -> None:
    rng = random.Random(name)
    ids, trained, lengths, headers = [], [], [], []
    lines = (work / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    rng.shuffle(lines)
    for line in lines:
        for index, piece in enumerate(pieces_of(json.loads(line), name, rng)):
            piece_ids, piece_trained = encoder.segments(piece)
            ids.append(np.array(piece_ids, np.uint16))
            trained.append(np.array(piece_trained, bool))
            lengths.append(len(piece_ids))
            headers.append(index == 0)
    arrays: dict[str, Any] = {"ids": np.concatenate(ids), "trained": np.concatenate(trained)}
    np.savez(work / f"train-{name}.npz", **arrays, lengths=np.array(lengths, np.int32), headers=np.array(headers))
    size, share = arrays["ids"].size / 1e6, arrays["trained"].mean()
    print(f"{name}: {len(lines)} documents, {size:.2f} M tokens, {share:.1%} trained", flush=True)


def load_pass(work: Path, name: str) -> dict[str, np.ndarray]:
    with np.load(work / f"train-{name}.npz") as arrays:
        return {key: arrays[key] for key in arrays}


def short_windows(data: dict, length: int) -> np.ndarray:
    """
    Spans [start, end) of `length` + 1 tokens along the joined documents, as rows [windows, 2]. A span begins at the
    step that the span before it cut, if that repeats no more than a fifth of a span; else where that span ended.
    """
    borders = np.concatenate([[0], np.cumsum(data["lengths"])])
    total, start, spans = borders[-1], 0, []
    while start + length + 1 <= total:
        spans.append((start, start + length + 1))
        end = start + length
        border = borders[np.searchsorted(borders, end, "right") - 1]
        start = border if border > start and end - border <= OVERLAP * length else end
    return np.array(spans)


def long_windows(data: dict, length: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """
    Views as the scorer has them: the header (if it leaves half of the window) and then whole steps in a row, the last
    one cut where the window ends. A window is two spans: header, steps.
    """
    borders = np.concatenate([[0], np.cumsum(data["lengths"])])
    starts = np.flatnonzero(data["headers"])
    windows = []
    for first, last in zip(starts, [*starts[1:], len(data["lengths"])], strict=False):
        header = (borders[first], borders[first + 1])
        if header[1] - header[0] > length // 2:
            header = (borders[first], borders[first])
        room = length + 1 - (header[1] - header[0])
        piece = first + 1
        while piece < last:
            begin, end = borders[piece], min(borders[piece] + room, borders[last])
            windows.append((header, (begin, end)))
            piece = max(piece + 1, np.searchsorted(borders, end, "right") - 1)
    return windows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(".retrace/small-model"))
    options = parser.parse_args()
    encoder = Encoder(options.work / "tokenizer.json")
    for name in PASSES:
        encode_pass(options.work, encoder, name)


if __name__ == "__main__":
    main()
