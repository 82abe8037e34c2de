"""The pages of the handbook as programs.

A page's ```python blocks are one program: they run in order in one process, like the cells of a notebook. The
```text block after one shows what it prints; without one it prints nothing. A warning shows as its category and text. A
block may end in an error: it shows as the last lines of the traceback, notes included, and the next block goes on.

The word `rushlight` after `python` or `text` marks code that PyTorch refuses, or output that is Rushlight's own.

    python tests/docs/handbook_pages.py PAGE      runs a page and prints [[output, error], ...] as JSON
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
import traceback
import types
import warnings
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
ENGLISH, CHINESE = ROOT / "docs" / "handbook", ROOT / "docs" / "zh"
THIS_FILE = str(Path(__file__).resolve())
UNDER_RUSHLIGHT = ("-m", "rushlight", "run", THIS_FILE)
UNDER_PYTORCH = (THIS_FILE,)
# torchvision with its operators declared, for machines where its native library fits another PyTorch.
UNDER_TORCHVISION = (
    "-c",
    f"import sys; sys.path[:0] = [{str(ROOT / 'tests/conformance')!r}, {str(ROOT / 'tests/docs')!r}]\n"
    "import torchvision_reference; torchvision_reference.reference()\n"
    "import handbook_pages; handbook_pages.main()",
)
FENCED = re.compile(r"^```(python|text)( rushlight)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """One ```python block with the output shown after it."""

    code: str
    own_code: bool
    output: str
    own_output: bool


def blocks(page: Path) -> list[Block]:
    """The programs's blocks in order; ValueError where a text block follows no code."""
    found: list[Block] = []
    waiting = False
    for language, own, body in FENCED.findall(page.read_text(encoding="utf-8")):
        if language == "python":
            found.append(Block(body, bool(own), "", False))
        elif waiting:
            found[-1] = found[-1]._replace(output=body, own_output=bool(own))
        else:
            raise ValueError(f"{page.name}: a text block follows no code: {body[:60]!r}")
        waiting = language == "python"
    return found


def pages() -> list[str]:
    """The names of the English pages."""
    return sorted(path.name for path in ENGLISH.glob("*.md") if path.name != "README.md")


def uses_torchvision(page: Path) -> bool:
    return any("torchvision" in block.code for block in blocks(page))


def pictures(page: Path) -> list[Path]:
    """The pictures that a page shows; its code writes files of these names."""
    links = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    return [(page.parent / link).resolve() for link in links]


def output_of(page: Path, folder: Path, command: tuple[str, ...]) -> list[tuple[str, str]]:
    """What each block prints and the error it ends in, from a fresh process in the given folder."""
    done = subprocess.run(
        [sys.executable, *command, str(page)],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return [(output, error) for output, error in json.loads(done.stdout)]


def agrees(text: str, reference: tuple[str, str]) -> bool:
    """Is a text PyTorch's output? After PyTorch's error it may say more."""
    whole = "".join(reference)
    return text == whole or bool(reference[1]) and text.startswith(whole)


def run(page: Path) -> list[tuple[str, str]]:
    """Execute a page in this process."""
    program = types.ModuleType("__main__")
    sys.modules["__main__"] = program
    source = Path("page.py").resolve()
    text, outputs = "", []
    is_pytorch = "rushlight" not in sys.modules
    for block in blocks(page):
        first_line = text.count("\n")
        text += block.code
        source.write_text(text, encoding="utf-8")
        if block.own_code and is_pytorch:
            outputs.append(("", ""))
            continue
        printed = io.StringIO()
        error = ""
        with contextlib.redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # as Python does, but for the program's own
            warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")
            warnings.showwarning = lambda message, category, *_: print(
                f"{category.__name__}: {re.sub(r' .Triggered internally at [^)]*.', '', str(message))}"
            )
            try:
                exec(compile("\n" * first_line + block.code, str(source), "exec"), vars(program))
            except Exception as caught:
                error = last_lines(caught)
        outputs.append((printed.getvalue(), error))
    return outputs


def last_lines(error: Exception) -> str:
    """An uncaught error's last lines, notes included, without the folder that a page happens to run in."""
    lines = traceback.format_exception_only(type(error), error)
    if sys.version_info < (3, 11):
        lines += [f"{note}\n" for note in getattr(error, "__notes__", ())]
    return "".join(lines).replace(str(Path.cwd()) + "/", "")


def main() -> None:
    json.dump(run(Path(sys.argv[1])), sys.stdout)


if __name__ == "__main__":
    main()
