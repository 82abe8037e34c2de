"""Write the outputs into pages of the handbook: PyTorch 2.13's, and Rushlight's where it says more.

python tools/record_handbook.py data.md ...        (needs torch==2.13.0; without names: every page)

The Chinese page gets the English page's programs and outputs. A block whose output differs is an error unless it is
marked `rushlight` (see tests/docs/handbook_pages.py).
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "docs"))

import handbook_pages as handbook  # noqa: E402


def shown(page: Path) -> tuple[list[str], list[str]]:
    """What the page's blocks shall show, and what is wrong with them."""
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
        rushlight = handbook.output_of(page, Path(ours), handbook.UNDER_RUSHLIGHT)
        for picture in handbook.pictures(page):
            shutil.copyfile(Path(ours, picture.name), picture)
        vision = handbook.uses_torchvision(page)
        command = handbook.UNDER_TORCHVISION if vision else handbook.UNDER_PYTORCH
        pytorch = handbook.output_of(page, Path(theirs), command)
    outputs, wrong = [], []
    for block, own, reference in zip(handbook.blocks(page), rushlight, pytorch):
        text = "".join(own)
        outputs.append(text)
        if not block.own_code and not block.own_output and not handbook.agrees(text, reference):
            wrong.append(f"{block.code}--- PyTorch\n{''.join(reference)}--- Rushlight\n{text}")
    return outputs, wrong


def rewritten(page: Path, outputs: list[str]) -> str:
    """The page's text with other outputs."""
    remaining = iter(outputs)
    current = ""

    def replace(match: re.Match[str]) -> str:
        nonlocal current
        language, own, _ = match.groups()
        if language == "python":
            current = next(remaining)
            return match.group(0)
        return f"```text{own or ''}\n{current}```"

    return handbook.FENCED.sub(replace, page.read_text(encoding="utf-8"))


def translated(page: Path, english: str) -> str:
    """The Chinese page's text with the English page's blocks, in order."""
    text = page.read_text(encoding="utf-8")
    blocks = [match.group(0) for match in handbook.FENCED.finditer(english)]
    present = len(handbook.FENCED.findall(text))
    if present != len(blocks):
        raise SystemExit(f"{page}: has {present} blocks, the English page {len(blocks)}")
    return handbook.FENCED.sub(lambda _: blocks.pop(0), text)


def main() -> int:
    failed = 0
    for name in sys.argv[1:] or handbook.pages():
        outputs, wrong = shown(handbook.ENGLISH / name)
        for problem in wrong:
            print(f"== {name}: the libraries differ\n{problem}")
        english, chinese = handbook.ENGLISH / name, handbook.CHINESE / name
        english.write_text(rewritten(english, outputs), encoding="utf-8")
        if chinese.exists():
            text = translated(chinese, english.read_text(encoding="utf-8"))
            chinese.write_text(text, encoding="utf-8")
        failed += len(wrong)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
