"""The bytes of each token, from the `tokenizer.json` of a byte-level BPE."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrace_train.failures import TrainingFailure


@dataclass(frozen=True)
class TokenBytes:
    # By id. None for special, added and unused tokens, which are no text.
    pieces: list[bytes | None]
    sizes: np.ndarray  # bytes of each token, int64

    def of(self, token: int) -> bytes | None:
        """A model may have more ids than its tokenizer; those have no bytes."""
        return self.pieces[token] if token < len(self.pieces) else None


def read_token_bytes(path: Path) -> TokenBytes:
    """@raises TrainingFailure TOKENIZER_INVALID"""
    try:
        file = json.loads(path.read_bytes())
        entries, added = file["model"]["vocab"], {token["id"] for token in file.get("added_tokens") or []}
        pieces: list[bytes | None] = [None] * (max([*entries.values(), *added]) + 1)
        for entry, token in entries.items():
            if token not in added:
                pieces[token] = bytes(_BYTE_OF[character] for character in entry)
    except KeyError as error:
        raise _invalid(path, f"{error} is no key of it or no character of a byte-level BPE") from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _invalid(path, str(error)) from error
    return TokenBytes(pieces, np.array([len(piece or b"") for piece in pieces], dtype=np.int64))


def _invalid(path: Path, why: str) -> TrainingFailure:
    hint = "Use the folder of a model with a byte-level BPE, such as Llama 3's."
    return TrainingFailure("TOKENIZER_INVALID", f"{path} cannot be used: {why}. {hint}")


def _byte_of_character() -> dict[str, int]:
    """GPT-2's alphabet: printable bytes of Latin-1 are themselves, the others follow in order from U+0100."""
    prints = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in prints]
    return {chr(byte): byte for byte in prints} | {chr(0x100 + at): byte for at, byte in enumerate(others)}


_BYTE_OF = _byte_of_character()
