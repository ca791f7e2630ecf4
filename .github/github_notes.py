"""What the workflows write on GitHub, through its own command line `gh`; with nothing but the standard library.

python .github/github_notes.py issue SUMMARY.md      open an issue, or comment on the open one of the same title
python .github/github_notes.py comment CHANGE.json   comment on the pull request of HEAD_OWNER, HEAD_BRANCH, HEAD_COMMIT
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

LONGEST_BODY = 60_000  # GitHub refuses bodies of more than 65,536 characters
LARGEST_COMPARISON = 10_000_000
BOT = "app/github-actions"
LOUD = ("regression", "improvement", "unstable")


class NoteError(Exception):
    """The note cannot be written; the message says why."""


def file_issue(summary: Path) -> None:
    """File what `nightly` wrote. The same guilty commits give the same title, and so one issue."""
    body = summary.read_text(encoding="utf-8")
    if len(body) > LONGEST_BODY:
        body = f"{body[:LONGEST_BODY]}\n\nThe rest is left out."
    title = body.partition("\n")[0].removeprefix("# ").replace("\\", "")[:250]
    known = json.loads(
        _gh("issue", "list", "--state", "open", "--author", BOT, "--limit", "500", "--json", "number,title")
    )
    same = [issue["number"] for issue in known if issue["title"] == title]
    if same:
        _gh("issue", "comment", str(same[0]), "--body-file", "-", text=body)
    else:
        _gh("issue", "create", "--title", title, "--body-file", "-", text=body)


def post_comparison(comparison: Path) -> None:
    """Post what `compare --format json` printed; an older comment is replaced.

    It comes from code of the pull request: whatever stands in it, it is shown and nothing else. Nothing is posted when
    the pull request has moved on meanwhile.
    """
    owner, branch, commit = (_variable(name) for name in ("HEAD_OWNER", "HEAD_BRANCH", "HEAD_COMMIT"))
    asked = ("--state", "open", "--head", branch, "--json", "number,headRefOid,headRepositoryOwner")
    pulls = json.loads(_gh("pr", "list", *asked))
    found = [
        pull["number"]
        for pull in pulls
        if pull["headRefOid"] == commit and pull["headRepositoryOwner"]["login"] == owner
    ]
    if len(found) != 1:
        print(f"no open pull request has {commit} as its newest commit: nothing posted")  # noqa: T201
        return
    with comparison.open("rb") as file:
        content = file.read(LARGEST_COMPARISON)
    try:
        shown = harmless(json.loads(content))
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise NoteError(f"{comparison} is not what `compare --format json` prints: {error!r}") from None
    head = f"Benchmarks of {commit[:8]} against its base, measured in turns on one machine. Shared machines are noisy."
    _gh("pr", "comment", str(found[0]), "--edit-last", "--create-if-none", "--body-file", "-",
        text=f"{head}\n\n{shown}\n")  # fmt: skip


def harmless(change: Any) -> str:
    """A comparison as Markdown, what changed first and the rest folded away.

    All text of others is in spans of code, in which GitHub sees no name, link or markup.
    """
    rows = [(row["status"] in LOUD, f"- {_code(row['name'])}: {_code(row['sentence'])}") for row in change["rows"]]
    loud, quiet = ([line for is_loud, line in rows if is_loud == which] for which in (True, False))
    folded = [f"<details><summary>{len(quiet)} more</summary>\n", *quiet, "\n</details>\n"] if quiet else []
    notes = [f"- {_code(note)}" for note in change["notes"]]
    text = "\n".join([f"**Verdict**: {_code(change['summary'])}\n", *loud, "", *folded, *notes]).strip()
    if len(text) <= LONGEST_BODY:
        return text
    text = text[:LONGEST_BODY].rpartition("\n")[0]
    unfold = "\n\n</details>" if "\n<details>" in text else ""  # no text of others begins a line
    return f"{text}{unfold}\n\nThe rest is left out."


def _code(text: object) -> str:
    """Text in a span of code that it cannot leave."""
    return f"`{''.join(filter(str.isprintable, str(text))).replace('`', chr(39)).strip() or '?'}`"


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise NoteError(f"the environment variable {name} must be set")
    return value


def _gh(*arguments: str, text: str | None = None) -> str:
    try:
        done = subprocess.run(["gh", *arguments], input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NoteError("gh, the command line of GitHub, is not installed") from None
    if done.returncode:
        raise NoteError(f"gh {' '.join(arguments[:2])} failed: {done.stderr.strip()}")
    return done.stdout


def main() -> None:
    """Run the command; every error is one line and exit code 2."""
    commands = {"issue": file_issue, "comment": post_comparison}
    if len(sys.argv) != 3 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    try:
        commands[sys.argv[1]](Path(sys.argv[2]))
    except (NoteError, OSError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
