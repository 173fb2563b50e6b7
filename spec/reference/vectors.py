"""Writes `spec/vectors/*.json`: `python3 vectors.py`.

With `--check DIRECTORY` it compares what it would write with the files there and exits with 1 on a difference.
With `--labels` it changes one byte of each label in turn and exits with 1 if the vectors do not notice.
"""

import json
import pathlib
import re
import sys

import cases
import conversations
import kuvert as k
import ops
import patches
import strict

FOLDER = pathlib.Path(__file__).parent.parent / "vectors"
FORMAT = 1


def text_of(file):
    """One case a line, so that a change shows as the lines it changes."""
    document = file.document()
    line = lambda value: json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    key = "conversations" if "conversations" in document else "cases"
    rows = (
        ",\n".join(line(row) for row in document[key])
        if key == "cases"
        else ",\n".join(map(conversation_text, document[key]))
    )
    return f'{{"format":{FORMAT},"about":{line(document["about"])},"{key}":[\n{rows}\n]}}\n'


def conversation_text(conversation):
    line = lambda value: json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    head = ",".join(f"{line(key)}:{line(value)}" for key, value in conversation.items() if key != "events")
    return f'{{{head},"events":[\n' + ",\n".join(map(line, conversation["events"])) + "\n]}"


def all_files():
    return [*cases.files(), *conversations.files()]


def tally(file):
    """Positives and negatives."""
    document = file.document()
    talks = document.get("conversations", [])
    rows = document.get("cases") or [
        event for talk in talks for event in talk["events"] if event["do"] in ("receive", "handle")
    ]
    good = sum(is_positive(row["expect"]) for row in rows)
    return good, len(rows) - good


def check_balance(file):
    """Three refusals for each success: in the file, for each operation, and in each conversation."""
    document, groups = file.document(), {}
    for case in document.get("cases", []):
        groups.setdefault(case["op"], []).append(case["expect"])
    for talk in document.get("conversations", []):
        groups[talk["name"]] = [e["expect"] for e in talk["events"] if e["do"] in ("receive", "handle")]
    for name, expected in groups.items():
        good = sum(map(is_positive, expected))
        assert len(expected) >= 4 * good, f"{file.name}, {name}: {good} of {len(expected)} open"


def is_positive(expect):
    """Something opens, or is computed."""
    if "outcomes" in expect:
        return any(came["outcome"] == "Message" for came in expect["outcomes"])
    return "error" not in expect


def check_again(file):
    """What was written says the same when it is read."""
    for case in patches.resolve(json.loads(text_of(file))["cases"]):
        try:
            said = ops.answer(case)
        except strict.Refused as refused:
            said = {"error": refused.error}
        assert said == case["expect"], case["name"]


def check_guide(files):
    """The reader's guide names every file, and every conversation of honest devices, and nothing else."""
    rows = re.findall(r"^\| \d+ \|.*$", (strict.SPEC / "README.md").read_text(), re.M)
    passes = "\n".join(row.rsplit("|", 2)[1] for row in rows)
    named, quoted = set(re.findall(r"`(\d\d-[a-z]+)`", passes)), set(re.findall(r'"([^"]+)"', passes))
    assert named == {file.name for file in files}, named ^ {file.name for file in files}
    talks = {file.name: [talk["name"] for talk in file.document().get("conversations", [])] for file in files}
    every = [name for names in talks.values() for name in names]
    unknown = [words for words in quoted if not any(name.startswith(words) for name in every)]
    unnamed = [n for n in talks["10-conversations"] if not any(n.startswith(words) for words in quoted)]
    assert not unknown and not unnamed, (unknown, unnamed)


def table_of_labels():
    """The labels that chapter 00 lists by name, with the chapter that uses them."""
    chapter = (strict.SPEC / "00-conventions.md").read_text()
    rows = re.findall(r"^\| (0\d) \| ((?:`[^`]+`(?: · )?)+) \|$", chapter, re.M)
    return [label for _, row in rows for label in re.findall("`([^`]+)`", row)]


def changed_label(wrong):
    """`L` as it would be with one byte of one label changed."""
    original = k.L
    return lambda s: original(s[:-1] + chr(ord(s[-1]) ^ 1) if s == wrong else s)


def notices(wrong, before):
    """Whether a vector comes out differently; a case that contradicts itself has noticed, too."""
    original, k.L = k.L, changed_label(wrong)
    try:
        return any(text_of(make) != text for make, text in zip(cases.lazily(), before)) or any(
            text_of(file) != text for file, text in zip(conversations.files(), before[-3:])
        )
    except (AssertionError, strict.Refused, k.InvalidTag):
        return True
    finally:
        k.L = original


def labels():
    """Changes one byte of each label in turn; the vectors have to notice."""
    before = [text_of(file) for file in all_files()]
    table = table_of_labels()
    unnoticed = [label for label in table if not notices(label, before)]
    print("\n".join(f"unnoticed: {label}" for label in unnoticed) or f"each of {len(table)} labels is noticed")
    return bool(unnoticed)


def main(arguments):
    if arguments[:1] == ["--labels"]:
        return labels()
    total = [0, 0]
    differing = []
    folder = pathlib.Path(arguments[1]) if arguments[:1] == ["--check"] else FOLDER
    files = all_files()
    check_guide(files)
    for file in files:
        if "cases" in file.document():
            check_again(file)
        good, bad = tally(file)
        total = [total[0] + good, total[1] + bad]
        check_balance(file)
        path, text = folder / f"{file.name}.json", text_of(file)
        print(f"{file.name:<20} {good:>5} positives {bad:>5} negatives {len(text):>8} bytes")
        if not arguments:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            differing.append(path.name)
    print(f"{'all':<20} {total[0]:>5} positives {total[1]:>5} negatives")
    print("\n".join(f"differs: {name}" for name in differing), end="\n" if differing else "")
    return bool(differing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
