"""The handbook's pages do and print what they show, in both languages."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import handbook_pages as handbook  # noqa: E402


@pytest.mark.parametrize("name", handbook.pages())
def test_page(name, tmp_path):
    page = handbook.ENGLISH / name
    printed = handbook.output_of(page, tmp_path, handbook.UNDER_RUSHLIGHT)
    shown = handbook.blocks(page)
    assert len(printed) == len(shown) > 3
    for block, (output, error) in zip(shown, printed):
        assert output + error == block.output, block.code
    for picture in handbook.pictures(page):
        assert (tmp_path / picture.name).stat().st_size > 5_000
        assert picture.stat().st_size <= 60_000


@pytest.mark.parametrize("name", handbook.pages())
def test_chinese_page_has_the_same_programs_and_pictures(name):
    english, chinese = handbook.ENGLISH / name, handbook.CHINESE / name
    assert handbook.blocks(chinese) == handbook.blocks(english)
    assert handbook.pictures(chinese) == handbook.pictures(english)
    headings = [
        len(re.findall("^##? ", handbook.FENCED.sub("", page.read_text(encoding="utf-8")), re.M))
        for page in (english, chinese)
    ]
    assert headings[0] == headings[1] > 2


@pytest.mark.parametrize("folder", [handbook.ENGLISH, handbook.CHINESE], ids=["english", "chinese"])
def test_links_and_index(folder):
    for page in folder.glob("*.md"):
        text = handbook.FENCED.sub("", page.read_text(encoding="utf-8"))
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (folder / link).exists(), f"{page.name}: {link}"
    listed = re.findall(r"\]\((\w+\.md)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == handbook.pages()


def test_readme_names_every_page():
    readme = (handbook.ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in handbook.pages() if f"(docs/handbook/{name})" not in readme] == []


def test_a_wrong_output_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nprint(1)\nraise ValueError('no')\n```\n```text\n1\nValueError: yes\n```\n"
        "```python\nx = 2\n```\n```python rushlight\nprint(x)\n```\n```text rushlight\n2\n```\n"
    )
    assert handbook.blocks(page) == [
        handbook.Block("print(1)\nraise ValueError('no')\n", False, "1\nValueError: yes\n", False),
        handbook.Block("x = 2\n", False, "", False),
        handbook.Block("print(x)\n", True, "2\n", True),
    ]
    printed = handbook.output_of(page, tmp_path, handbook.UNDER_RUSHLIGHT)
    assert printed == [("1\n", "ValueError: no\n"), ("", ""), ("2\n", "")]
    assert handbook.agrees("1\nValueError: no\nnote\n", printed[0])
    assert not handbook.agrees("1\nValueError: yes\n", printed[0])
    assert not handbook.agrees("2\n3\n", printed[2])
    page.write_text("```text\n1\n```\n")
    with pytest.raises(ValueError, match="follows no code"):
        handbook.blocks(page)
