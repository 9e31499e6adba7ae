"""Replays exported OpenAI messages by itself, and holds the result against the repositories.

A second reader of the replay law that knows nothing of the program that wrote the file: it takes the tools as their
definitions describe them (a Write makes a new file, an Edit puts content in the place of whole lines, a Read shows
lines) and asks that every Read shows what is there, that the plan lists the files that get written, and, where a folder
with the repositories is given, that each file comes out byte for byte.

    retrace export RUN --format openai-jsonl --out rows.jsonl
    python3 scripts/verify/replay_messages.py rows.jsonl NAME=FOLDER [NAME=FOLDER ...]

NAME is that of the row's metadata. Standard library only. Exit code 1 where something is not as it should be.
"""

import json
import sys
from pathlib import Path


class Broken(Exception):
    """A step that cannot be taken, or that shows something else."""


def lines_of(text):
    """Whole lines, each with its line feed; a last one may lack it. No other character ends a line."""
    pieces = text.split("\n")
    return [piece + "\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])


def edited(text, start_line, replaced_lines, content):
    lines = lines_of(text)
    first = start_line - 1
    if first < 0 or replaced_lines < 0 or first + replaced_lines > len(lines):
        raise Broken(f"lines {start_line} to {first + replaced_lines} are not in a file of {len(lines)}")
    before, after = "".join(lines[:first]), "".join(lines[first + replaced_lines :])
    if before and content and not before.endswith("\n"):
        raise Broken(f"line {start_line} is put behind a line without an end")
    return before + content + after


def shown(text, start_line, end_line):
    return "".join(lines_of(text)[start_line - 1 : end_line])


def replay(messages):
    """The files by path after all calls; and how many calls of each tool there were."""
    files, counts, waiting = {}, {}, {}
    for message in messages:
        for call in message.get("tool_calls") or []:
            name, given = call["function"]["name"], json.loads(call["function"]["arguments"])
            counts[name] = counts.get(name, 0) + 1
            path = given["path"]
            if name == "Write":
                if path in files:
                    raise Broken(f"{path} is written a second time")
                files[path] = given["content"]
                waiting[call["id"]] = ""
                continue
            if path not in files:
                raise Broken(f"{name} of {path}, which is not written")
            if name == "Edit":
                files[path] = edited(files[path], given["start_line"], given["replaced_lines"], given["content"])
                waiting[call["id"]] = ""
            elif name == "Read":
                waiting[call["id"]] = shown(files[path], given["start_line"], given["end_line"])
            elif name == "Check":
                waiting[call["id"]] = None
            else:
                raise Broken(f"there is no tool {name}")
        if message["role"] == "tool":
            wanted = waiting.pop(message["tool_call_id"])
            seen = message["content"]
            # A Read that stops inside a very long line shows its beginning.
            if wanted is not None and seen != wanted and not (seen and wanted.startswith(seen)):
                raise Broken(f"the answer to {message['tool_call_id']} is not what is there")
    if waiting:
        raise Broken(f"{len(waiting)} calls have no answer")
    return files, counts


def differences(files, folder):
    for path, text in sorted(files.items()):
        there = folder / path
        if not there.is_file() or there.read_bytes() != text.encode("utf-8"):
            yield path


def main(arguments):
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    rows, folders = arguments[0], dict(one.split("=", 1) for one in arguments[1:])
    is_good, held = True, set()
    with open(rows, encoding="utf-8", newline="\n") as lines:
        for line in lines:
            row = json.loads(line)
            name = row["metadata"]["name"]
            try:
                files, counts = replay(row["messages"])
            except Broken as error:
                print(f"{name}: {error}")
                is_good = False
                continue
            told = ", ".join(f"{count} {tool}" for tool, count in sorted(counts.items()))
            if name not in folders:
                print(f"{name}: {len(files)} files, {told}")
                continue
            held.add(name)
            wrong = list(differences(files, Path(folders[name])))
            print(f"{name}: {len(files) - len(wrong)} of {len(files)} files byte for byte, {told}")
            for path in wrong:
                print(f"  {path} differs")
            is_good = is_good and not wrong
    missing = sorted(set(folders) - held)
    for name in missing:
        print(f"{name}: no row has this name")
    return 0 if is_good and not missing else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
