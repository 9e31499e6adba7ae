"""
Selects the files to train on. Built, vendored, generated and minified files are left out, and so are near duplicates
and every file that shares code with a held-out package, with the project's own dependencies or with Python's standard
library.
"""

import hashlib
import re
import sysconfig
from collections import Counter
from pathlib import Path

from archives import LANGUAGE

PERMISSIVE = re.compile(r"\b(MIT|MIT-0|BSD|0BSD|ISC|Apache|PSF|Python Software Foundation|Zlib|CC0)", re.I)
COPYLEFT = re.compile(r"\b(A?L?GPL|GNU|MPL|Mozilla|EPL|CDDL|CeCILL)", re.I)
FILE_BYTES = (200, 60_000)
BUILT = {
    "dist",
    "build",
    "cjs",
    "esm",
    "es",
    "umd",
    "lib.commonjs",
    "lib.esm",
    "_cjs",
    "_esm",
    "pkg",
    "amd",
    "client-dist",
    "min",
}
BORROWED = {
    "vendor",
    "vendored",
    "_vendor",
    "third_party",
    "extern",
    "externals",
    "node_modules",
    "blib2to3",
    "_click",
    "_distutils",
    "fixtures",
    "locale",
    "locales",
    "typeshed",
    "compiled",
}
GENERATED = re.compile(
    r"@generated|auto-?generated|automatically generated|do not (edit|modify)|generated (by|from|file)", re.I
)
COMPILED = re.compile(
    r"__esModule|__importDefault|_interopRequireDefault|__decorate\(|sourceMappingURL|__webpack_require__"
    r"|\b_asyncToGenerator|var __awaiter|_jsx\("
)


def is_permissive(licence: str) -> bool:
    return bool(PERMISSIVE.search(licence)) and not COPYLEFT.search(licence)


def eligible(files: dict[str, str]) -> list[str]:
    """Sources only: where a package has a `src` folder worth the name, nothing else counts."""
    tops = Counter()
    for path, text in files.items():
        tops[path.split("/")[0]] += len(text)
    roots = [root for root in ("src", "src.ts") if tops[root] > 10_000]
    return [p for p in files if not BUILT & set(p.split("/")[:-1]) and (not roots or p.split("/")[0] in roots)]


def why_not(path: str, text: str, seen: set[int], forbidden: set[int]) -> str | None:
    """The reason to leave a file out, or None; a file that stays is remembered in `seen`."""
    low, high = FILE_BYTES
    lines = text.split("\n")
    if BORROWED & set(path.split("/")):
        return "borrowed"
    if not low <= len(text.encode()) <= high:
        return "size"
    if max(map(len, lines)) > 600 or len(text) / len(lines) > 80:
        return "minified or data"
    if GENERATED.search(text[:1500]) or COMPILED.search(text):
        return "generated"
    if sum(c.isascii() for c in text) < 0.97 * len(text) or sum(c.isdigit() for c in text) > 0.2 * len(text):
        return "not code"
    marks = shingles(text)
    if marks and len(marks & forbidden) > 0.1 * len(marks):
        return "shares code with what is excluded"
    if not marks or len(marks & seen) > 0.4 * len(marks):
        return "near duplicate"
    seen |= marks
    return None


def is_fit(files: dict[str, str], path: str) -> bool:
    """The corpus's own rules, less those about other files."""
    return path in eligible(files) and why_not(path, files[path], set(), set()) is None


def shingles(text: str) -> set[int]:
    """Hashes of every three consecutive lines that say something; two files that share code share these."""
    lines = [line for line in (re.sub(r"\s+", "", raw) for raw in text.split("\n")) if len(line) > 8]
    windows = ("\n".join(lines[i : i + 3]) for i in range(len(lines) - 2))
    return {int.from_bytes(hashlib.blake2b(w.encode(), digest_size=8).digest(), "little") for w in windows}


def forbidden_shingles(held: dict, project: Path) -> set[int]:
    """Held-out packages, the project's dependencies and Python's standard library."""
    marks = set()
    for files in held.values():
        for text in files.values():
            marks |= shingles(text)
    library = Path(sysconfig.get_path("stdlib"))
    roots = [(library, p) for p in library.rglob("*.py") if "site-packages" not in p.parts]
    modules = project / "node_modules"
    roots += [(modules, p) for p in modules.rglob("*") if p.suffix in LANGUAGE and not p.name.endswith(".d.ts")]
    for _, path in roots:
        if path.is_file() and path.stat().st_size < 1_000_000:
            marks |= shingles(path.read_text("utf-8", "replace"))
    return marks
