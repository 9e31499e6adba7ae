"""
The sources in sources.json, the paths of their archives, and the source files in them. Nothing is unpacked or run.
"""

import json
import re
import sys
import tarfile
import zipfile
from functools import partial
from pathlib import Path, PurePosixPath

HERE = Path(__file__).parent
LANGUAGE = {
    ".py": "python",
    ".ts": "typescript",
    ".tsx": "typescript",
    ".js": "javascript",
    ".mjs": "javascript",
    ".jsx": "javascript",
}


def language_of(path: str) -> str:
    return LANGUAGE[PurePosixPath(path).suffix]


def load_sources() -> list[dict]:
    return json.loads((HERE / "sources.json").read_text())


def folder_name(source: dict) -> str:
    """One flat name per package: `@trpc/server` on npm is `npm-trpc-server`."""
    return f"{source['registry']}-{source['name'].lstrip('@').replace('/', '-')}".lower()


def archive_of(work: Path, source: dict) -> Path | None:
    """The archive of a source if it is there."""
    folder = work / "archives" / folder_name(source)
    found = sorted(path for path in folder.glob("*") if path.suffix in (".whl", ".tgz"))
    return found[0] if found else None


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


def read_member(opened: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = opened.extractfile(member)
    return file.read() if file else b""


def members(archive: Path):
    """(path, read) of every regular file; npm's top folder is taken off."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as opened:
            for name in opened.namelist():
                yield name, partial(opened.read, name)
    else:
        with tarfile.open(archive) as opened:
            for member in opened:
                if member.isfile():
                    yield member.name.split("/", 1)[-1], partial(read_member, opened, member)


def wheel_licence(metadata: str) -> str:
    """The licence expression, else the classifiers, else a short licence field."""
    head = metadata.split("\n\n")[0]
    for pattern in (
        r"^License-Expression: (.+)$",
        r"^Classifier: License :: (?:OSI Approved :: )?(.+)$",
        r"^License: (.{2,60})$",
    ):
        found = re.findall(pattern, head, re.M)
        if found:
            return "; ".join(found)
    return ""
