"""
Fetch the archives that sources.json names, through the registries' own clients.

PyPI packages come as wheels (`pip download --only-binary :all:`), npm packages as tarballs (`npm pack
--ignore-scripts`): neither runs a line of what it fetches. An archive is fetched once; run again to fill gaps.

    python fetch.py --work DIR
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from archives import archive_of, folder_name, load_sources


def fetch(work: Path, source: dict) -> bool:
    """Fetches one archive; True if it is there at the end."""
    folder = work / "archives" / folder_name(source)
    folder.mkdir(parents=True, exist_ok=True)
    if archive_of(work, source):
        return True
    name, version = source["name"], source["version"]
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        if source["registry"] == "PyPI":
            wanted = ["--only-binary", ":all:", "--no-deps", "--dest", temporary, f"{name}=={version}"]
            command = [sys.executable, "-m", "pip", "download", "--quiet", *wanted]
        else:
            command = [
                "npm",
                "pack",
                "--silent",
                "--ignore-scripts",
                "--pack-destination",
                temporary,
                f"{name}@{version}",
            ]
        done = subprocess.run(command, cwd=temporary, capture_output=True, text=True)
        if done.returncode != 0:
            print(f"fetch: {name} {version} failed: {done.stderr.strip()[-300:]}", file=sys.stderr)
            return False
        for path in Path(temporary).iterdir():
            path.rename(folder / path.name)
    return archive_of(work, source) is not None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(".retrace/small-model"))
    options = parser.parse_args()
    sources = load_sources()
    missing = [source["name"] for source in sources if not fetch(options.work.resolve(), source)]
    print(f"{len(sources) - len(missing)} of {len(sources)} archives are there")
    if missing:
        sys.exit(f"missing: {', '.join(missing)}; run again to retry")


if __name__ == "__main__":
    main()
