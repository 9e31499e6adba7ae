"""
Turn the fetched archives into a folder of small repositories to train on, and a folder of held-out files.

    archives/  ->  corpus/<package>/<number>/<name>/<path>   a unit: at most UNIT_FILES files of one directory tree
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
from collections import Counter, defaultdict
from pathlib import Path, PurePosixPath

from archives import folder_name, language_of, load_sources, texts_of
from sieve import eligible, forbidden_shingles, is_fit, is_permissive, shingles, why_not

SEED = 20
BUDGET = {"python": 38_000_000, "typescript": 29_000_000, "javascript": 17_000_000}
UNIT_FILES = 40
TEST_SHARE = 0.15
HELD_OUT_FILES = 60
HELD_OUT_BYTES = (1_000, 5_000)

TESTS = re.compile(r"(^|/)(tests?|__tests__|testing|spec)/|(^|/)(test_[^/]*|conftest)\.py$|[._-](test|spec)\.[a-z]+$")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(".retrace/small-model"))
    parser.add_argument(
        "--project", type=Path, default=Path("."), help="the project's root: its node_modules are never trained on"
    )
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


def collect(sources: list[dict], work: Path, forbidden: set[int]) -> tuple[dict, dict]:
    """Per package the files worth reading; and per package what is known about it, with counts of what was left out."""
    taken, report, seen = {}, {}, set()
    for source in sources:
        package = folder_name(source)
        files, licence, archive = texts_of(work, source)
        about = {key: source[key] for key in ("registry", "name", "version")}
        about |= {"licence": licence, "sha256": hashlib.sha256(archive.read_bytes()).hexdigest()}
        if not is_permissive(licence):
            sys.exit(
                f"corpus: {source['name']}: licence '{licence}' is not known as permissive; take it off sources.json"
            )
        counts, kept = Counter(), {}
        for path in sorted(eligible(files), key=lambda p: (language_of(p) == "javascript", p)):
            reason = why_not(path, files[path], seen, forbidden)
            counts[reason or "kept"] += 1
            if reason is None:
                kept[path] = files[path]
        taken[package], report[package] = kept, about | {"left_out": dict(counts)}
    return taken, report


def balance(taken: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Cuts every package to its language's cap, whole directories first, tests up to their share."""
    sizes = defaultdict(dict)
    for package, files in taken.items():
        for path, text in files.items():
            language = language_of(path)
            sizes[language][package] = sizes[language].get(package, 0) + len(text.encode())
    caps = {language: water_level(list(sizes[language].values()), BUDGET[language]) for language in sizes}
    print("caps per package:", caps)
    kept = {}
    for package, files in taken.items():
        room, tests = dict(caps), {language: cap * TEST_SHARE for language, cap in caps.items()}
        kept[package] = {}
        for path in sorted(
            files, key=lambda p: (hashlib.sha256(f"{SEED}{package}{PurePosixPath(p).parent}".encode()).digest(), p)
        ):
            language, size = language_of(path), len(files[path].encode())
            budgets = [room, tests] if TESTS.search(path) else [room]
            if all(budget[language] >= size for budget in budgets):
                for budget in budgets:
                    budget[language] -= size
                kept[package][path] = files[path]
    return {package: files for package, files in kept.items() if files}


def water_level(sizes: list[int], budget: int) -> int:
    """The cap for which sum(min(size, cap)) is the budget."""
    left = budget
    for count, size in zip(range(len(sizes), 0, -1), sorted(sizes), strict=True):
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
        fit = [
            (package, p, files[p]) for p in sorted(files) if is_fit(files, p) and low <= len(files[p].encode()) <= high
        ]
        pools[package] = rng.sample(fit, len(fit))
    chosen = []
    while len(chosen) < HELD_OUT_FILES and any(pools.values()):
        for pool in pools.values():
            if pool and len(chosen) < HELD_OUT_FILES:
                chosen.append(pool.pop())
    return sorted(chosen)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def describe(work: Path, kept: dict, report: dict, chosen: list) -> None:
    totals, used = Counter(), []
    for package, files in sorted(kept.items()):
        size = sum(len(text.encode()) for text in files.values())
        for path, text in files.items():
            totals[language_of(path)] += len(text.encode())
        used.append(report[package] | {"files": len(files), "bytes": size})
    held = [{"package": package, "path": path, "bytes": len(text.encode())} for package, path, text in chosen]
    measured = set().union(*(shingles(text) for _, _, text in chosen))
    trained = set().union(*(measured & shingles(text) for files in kept.values() for text in files.values()))
    overlap = {"three_line_windows": len(measured), "also_in_training": len(trained)}
    (work / "corpus.json").write_text(
        json.dumps({"bytes": dict(totals), "sources": used, "held_out": held, "overlap": overlap}, indent=1)
    )
    print(f"{len(used)} packages, {sum(u['files'] for u in used)} files, {len(held)} files held out")
    print(f"bytes by language: {dict(totals)}")


if __name__ == "__main__":
    main()
