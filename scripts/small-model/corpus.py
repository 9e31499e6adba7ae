"""
Turn the fetched archives into a folder of small repositories to train on, and a folder of held-out files.

    archives/  ->  corpus/<package>/<number>/<name>/<path>   a unit: files of one directory tree, at most UNIT_FILES of them
               ->  held-out/<package>/0/<name>/<path>        60 files that nothing of the corpus comes near
               ->  held-out-whole/<package>/...              the packages that they are from, cut to units
               ->  corpus.json                               what was taken from where, under which licence

What is left out: packages whose metadata does not name a permissive licence; minified, generated, compiled and vendored
files; near duplicates; tests past a share; and every file that shares code with what must never be trained on (the
held-out packages, the project's own dependencies, Python's standard library). Languages are balanced by bytes; within a
language one cap for all packages is chosen so that the budget is met (water filling).

    python corpus.py --work DIR
"""

import argparse
import hashlib
import json
import random
import re
import shutil
import sys
import sysconfig
import tarfile
import zipfile
from collections import Counter, defaultdict
from pathlib import Path, PurePosixPath

from fetch import archive_of, folder_name, load_sources

SEED = 20
BUDGET = {"python": 38_000_000, "typescript": 29_000_000, "javascript": 17_000_000}
LANGUAGE = {".py": "python", ".ts": "typescript", ".tsx": "typescript", ".js": "javascript", ".mjs": "javascript", ".jsx": "javascript"}
UNIT_FILES = 40
FILE_BYTES = (200, 60_000)
TEST_SHARE = 0.15
HELD_OUT_FILES = 60
HELD_OUT_BYTES = (1_000, 5_000)

PERMISSIVE = re.compile(r"\b(MIT|MIT-0|BSD|0BSD|ISC|Apache|PSF|Python Software Foundation|Zlib|CC0)", re.I)
COPYLEFT = re.compile(r"\b(A?L?GPL|GNU|MPL|Mozilla|EPL|CDDL|CeCILL)", re.I)
BUILT = {"dist", "build", "cjs", "esm", "es", "umd", "lib.commonjs", "lib.esm", "_cjs", "_esm", "pkg", "amd", "client-dist", "min"}
BORROWED = {"vendor", "vendored", "_vendor", "third_party", "extern", "externals", "node_modules", "blib2to3", "_click", "_distutils", "fixtures", "locale", "locales", "typeshed", "compiled"}
TESTS = re.compile(r"(^|/)(tests?|__tests__|testing|spec)/|(^|/)(test_[^/]*|conftest)\.py$|[._-](test|spec)\.[a-z]+$")
GENERATED = re.compile(r"@generated|auto-?generated|automatically generated|do not (edit|modify)|generated (by|from|file)", re.I)
COMPILED = re.compile(r"__esModule|__importDefault|_interopRequireDefault|__decorate\(|sourceMappingURL|__webpack_require__|\b_asyncToGenerator|var __awaiter|_jsx\(")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(".retrace/small-model"))
    parser.add_argument("--project", type=Path, default=Path("."), help="the project's root: its node_modules are never trained on")
    options = parser.parse_args()
    work, project = options.work.resolve(), options.project.resolve()
    sources = load_sources()

    held = {folder_name(s): texts_of(work, s)[0] for s in sources if s.get("use") == "held-out"}
    forbidden = forbidden_shingles(held, project)
    taken, report = collect([s for s in sources if s.get("use") != "held-out"], work, forbidden)
    kept = balance(taken)

    for name in ("corpus", "held-out", "held-out-whole"):
        shutil.rmtree(work / name, ignore_errors=True)
    for package, files in kept.items():
        write_units(work / "corpus" / package, files)
    chosen = choose_held_out(held)
    for package, path, text in chosen:
        write(work / "held-out" / package / "0" / package.split("-", 1)[1] / path, text)
    for package, files in held.items():
        write_units(work / "held-out-whole" / package, {path: files[path] for path in files if is_fit(files, path)})
    describe(work, kept, report, chosen)


def texts_of(work: Path, source: dict) -> tuple[dict[str, str], str, Path]:
    """The source files of one archive (path to text), its licence and its path; nothing is unpacked or run."""
    archive = archive_of(work, source)
    if archive is None:
        sys.exit(f"corpus: {source['name']} {source['version']} is not there; run fetch.py first")
    files, licence = {}, ""
    for path, read in members(archive):
        if path.endswith(".dist-info/METADATA"):
            licence = wheel_licence(read().decode("utf-8", "replace"))
        elif path == "package.json":
            licence = str(json.loads(read()).get("license", ""))
        elif PurePosixPath(path).suffix in LANGUAGE and not re.search(r"\.d\.ts$|[.-]min\.|\.flow\.", path):
            try:
                files[path] = read().decode("utf-8").replace("\r\n", "\n")
            except UnicodeDecodeError:
                continue
    return files, licence, archive


def members(archive: Path):
    """(path, read) of every regular file; npm's top folder is taken off."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as opened:
            for name in opened.namelist():
                yield name, lambda: opened.read(name)
    else:
        with tarfile.open(archive) as opened:
            for member in opened:
                if member.isfile():
                    yield member.name.split("/", 1)[-1], lambda: opened.extractfile(member).read()


def wheel_licence(metadata: str) -> str:
    """The licence expression, else the classifiers, else a short licence field."""
    head = metadata.split("\n\n")[0]
    for pattern in (r"^License-Expression: (.+)$", r"^Classifier: License :: (?:OSI Approved :: )?(.+)$", r"^License: (.{2,60})$"):
        found = re.findall(pattern, head, re.M)
        if found:
            return "; ".join(found)
    return ""


def collect(sources: list[dict], work: Path, forbidden: set[int]) -> tuple[dict, dict]:
    """Per package the files worth reading; and per package what is known about it, with counts of what was left out."""
    taken, report, seen = {}, {}, set()
    for source in sources:
        package = folder_name(source)
        files, licence, archive = texts_of(work, source)
        about = {key: source[key] for key in ("registry", "name", "version")}
        about |= {"licence": licence, "sha256": hashlib.sha256(archive.read_bytes()).hexdigest()}
        if not PERMISSIVE.search(licence) or COPYLEFT.search(licence):
            sys.exit(f"corpus: {source['name']}: licence '{licence}' is not known as permissive; take it off sources.json")
        counts, kept = Counter(), {}
        for path in sorted(eligible(files), key=lambda p: (LANGUAGE[PurePosixPath(p).suffix] == "javascript", p)):
            reason = why_not(path, files[path], seen, forbidden)
            counts[reason or "kept"] += 1
            if reason is None:
                kept[path] = files[path]
        taken[package], report[package] = kept, about | {"left_out": dict(counts)}
    return taken, report


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


def balance(taken: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Cuts every package to its language's cap, whole directories first, tests up to their share."""
    sizes = defaultdict(dict)
    for package, files in taken.items():
        for path, text in files.items():
            language = LANGUAGE[PurePosixPath(path).suffix]
            sizes[language][package] = sizes[language].get(package, 0) + len(text.encode())
    caps = {language: water_level(list(sizes[language].values()), BUDGET[language]) for language in sizes}
    print("caps per package:", caps)
    kept = {}
    for package, files in taken.items():
        room, tests = dict(caps), {language: cap * TEST_SHARE for language, cap in caps.items()}
        kept[package] = {}
        for path in sorted(files, key=lambda p: (hashlib.sha256(f"{SEED}{package}{PurePosixPath(p).parent}".encode()).digest(), p)):
            language, size = LANGUAGE[PurePosixPath(path).suffix], len(files[path].encode())
            budgets = [room, tests] if TESTS.search(path) else [room]
            if all(budget[language] >= size for budget in budgets):
                for budget in budgets:
                    budget[language] -= size
                kept[package][path] = files[path]
    return {package: files for package, files in kept.items() if files}


def water_level(sizes: list[int], budget: int) -> int:
    """The cap for which sum(min(size, cap)) is the budget."""
    left = budget
    for count, size in zip(range(len(sizes), 0, -1), sorted(sizes)):
        if size * count >= left:
            return left // count
        left -= size
    return max(sizes, default=0)


def write_units(folder: Path, files: dict[str, str]) -> None:
    """Directory trees of at most UNIT_FILES files each: a plan of them fits in the model's context."""
    for number, paths in enumerate(units(sorted(files), 0)):
        for path in paths:
            write(folder / str(number) / folder.name.split("-", 1)[1] / path, files[path])


def units(paths: list[str], depth: int) -> list[list[str]]:
    if len(paths) <= UNIT_FILES:
        return [paths]
    children, loose = defaultdict(list), []
    for path in paths:
        parts = path.split("/")
        (children[parts[depth]] if len(parts) > depth + 1 else loose).append(path)
    found = [loose[i : i + UNIT_FILES] for i in range(0, len(loose), UNIT_FILES)]
    small = []  # small siblings stay together
    for child in children.values():
        if len(child) > UNIT_FILES:
            found += units(child, depth + 1)
        elif len(small) + len(child) <= UNIT_FILES:
            small += child
        else:
            found.append(small)
            small = child
    return found + ([small] if small else [])


def choose_held_out(held: dict[str, dict[str, str]]) -> list[tuple[str, str, str]]:
    """An even hand of files from every held-out package, at random but always the same."""
    rng, (low, high), pools = random.Random(SEED), HELD_OUT_BYTES, {}
    for package, files in sorted(held.items()):
        fit = [(package, p, files[p]) for p in sorted(files) if is_fit(files, p) and low <= len(files[p].encode()) <= high]
        pools[package] = rng.sample(fit, len(fit))
    chosen = []
    while len(chosen) < HELD_OUT_FILES and any(pools.values()):
        for pool in pools.values():
            if pool and len(chosen) < HELD_OUT_FILES:
                chosen.append(pool.pop())
    return sorted(chosen)


def is_fit(files: dict[str, str], path: str) -> bool:
    """The corpus's own rules, less those about other files."""
    return path in eligible(files) and why_not(path, files[path], set(), set()) is None


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def describe(work: Path, kept: dict, report: dict, chosen: list) -> None:
    totals, used = Counter(), []
    for package, files in sorted(kept.items()):
        size = sum(len(text.encode()) for text in files.values())
        for path, text in files.items():
            totals[LANGUAGE[PurePosixPath(path).suffix]] += len(text.encode())
        used.append(report[package] | {"files": len(files), "bytes": size})
    held = [{"package": package, "path": path, "bytes": len(text.encode())} for package, path, text in chosen]
    (work / "corpus.json").write_text(json.dumps({"bytes": dict(totals), "sources": used, "held_out": held}, indent=1))
    print(f"{len(used)} packages, {sum(u['files'] for u in used)} files, bytes by language: {dict(totals)}; held out: {len(held)} files")


if __name__ == "__main__":
    main()
