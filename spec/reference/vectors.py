"""Writes `spec/vectors/*.json`: `python3 vectors.py`.

With `--check DIRECTORY` it compares what it would write with the files there and exits with 1 on a difference.
With `--labels` it changes one byte of each label in turn and exits with 1 if the vectors do not notice.
"""

import json
import pathlib
import sys

import cases
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
    rows = ",\n".join(line(row) for row in document[key]) if key == "cases" else ",\n".join(map(conversation_text, document[key]))
    return f'{{"format":{FORMAT},"about":{line(document["about"])},"{key}":[\n{rows}\n]}}\n'


def conversation_text(conversation):
    line = lambda value: json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    head = ",".join(f"{line(key)}:{line(value)}" for key, value in conversation.items() if key != "events")
    return f'{{{head},"events":[\n' + ",\n".join(map(line, conversation["events"])) + "\n]}"


def all_files():
    return [*cases.files()]


def tally(file):
    """Positives and negatives."""
    document = file.document()
    rows = document.get("cases") or [event for talk in document["conversations"] for event in talk["events"]]
    bad = sum("error" in row.get("expect", {}) for row in rows)
    return len(rows) - bad, bad


def check_again(file):
    """What was written says the same when it is read."""
    for case in patches.resolve(json.loads(text_of(file))["cases"]):
        try:
            said = ops.answer(case)
        except strict.Refused as refused:
            said = {"error": refused.error}
        assert said == case["expect"], case["name"]


def main(arguments):
    if arguments[:1] == ["--labels"]:
        return labels()
    total = [0, 0]
    differing = []
    folder = pathlib.Path(arguments[1]) if arguments[:1] == ["--check"] else FOLDER
    for file in all_files():
        if "cases" in file.document():
            check_again(file)
        good, bad = tally(file)
        total = [total[0] + good, total[1] + bad]
        assert bad >= 3 * good or file.name.startswith("1"), f"{file.name}: {good} positives, {bad} negatives"
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
