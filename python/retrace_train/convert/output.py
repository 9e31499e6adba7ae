"""A folder that appears complete or not at all, and the files for each domain that converters write into it."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..failures import TrainingFailure
from ..files import sync
from ..shards import Row

# Tokens after which the next file begins, as in packing.
MAX_FILE_TOKENS = 2**27


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """
    A new folder with a temporary name beside `out`; it is renamed to `out` at the end, or removed after a failure.

    @raises TrainingFailure OUTPUT_EXISTS
    """
    if os.path.lexists(out):
        why = f"{out} is there already, and nothing is written into what is there"
        raise TrainingFailure("OUTPUT_EXISTS", f"{why}. Name another folder, or remove it.", path=str(out))
    temporary = out.absolute().with_name(f".{out.name}.{os.getpid()}.tmp")
    temporary.mkdir(parents=True)
    try:
        yield temporary
        for path in [*temporary.rglob("*"), temporary]:
            sync(path)
        temporary.rename(out)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def check_domain(domain: str) -> str:
    """A domain is part of file names, so it must not lead out of the folder. @raises TrainingFailure DOMAIN_INVALID"""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", domain):
        return domain
    message = f'The domain {domain!r} cannot name a file: at most 100 letters, digits, ".", "_" and "-". Pack again.'
    raise TrainingFailure("DOMAIN_INVALID", message, domain=domain)


class FilesByDomain:
    """Writes rows into files `DOMAIN-00000`, `DOMAIN-00001` ..., each with the `add` and `close` of `open_file`."""

    def __init__(self, open_file: Callable[[str, str], Any], max_tokens: int = MAX_FILE_TOKENS):
        self._open_file, self._max_tokens = open_file, max_tokens
        self._files: dict[str, tuple[Any, int, int]] = {}  # by domain: the open file, its tokens, its number

    def add(self, row: Row) -> None:
        domain = check_domain(row.domain)
        file, tokens, number = self._files.get(domain, (None, 0, -1))
        if file is None or tokens >= self._max_tokens:
            if file is not None:
                file.close()
            number, tokens = number + 1, 0
            file = self._open_file(f"{domain}-{number:05d}", domain)
        self._files[domain] = (file, tokens + len(row.input_ids), number)
        file.add(row)

    def close(self) -> None:
        for file, _, _ in self._files.values():
            file.close()
