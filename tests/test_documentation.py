"""How commands are taken from the documentation."""

import re
from pathlib import Path

import pytest

from tests.documentation import PROJECT, blocks, commands, fresh_project, run, script

PAGE = """\
# Title

```sh
echo one
```

## First

```console
$ echo two
two
$ echo three \\
    four
three four
```

```python
print("not a command")
```

## Second

<!-- not run: needs a server -->
```sh
exit 7
```

<!-- file: some/where.yml -->
```yaml
key: $HOME 'and' "quotes"
```

````sh
echo '```'
cat some/where.yml
````
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return path


def test_blocks_with_place_section_and_marks(page: Path) -> None:
    found = blocks(page)
    assert [(b.line, b.section, b.language, b.not_run, b.file) for b in found] == [
        (4, "Title", "sh", None, None),
        (10, "Title / First", "console", None, None),
        (25, "Title / Second", "sh", "needs a server", None),
        (30, "Title / Second", "yaml", None, "some/where.yml"),
        (34, "Title / Second", "sh", None, None),
    ]
    assert [block.line for block in blocks(page, "Second")] == [25, 30, 34]
    with pytest.raises(ValueError, match="no section 'Third'"):
        blocks(page, "Third")


def test_blocks_of_another_language(page: Path) -> None:
    assert [(block.line, block.text) for block in blocks(page, "First", ("python",))] == [
        (18, 'print("not a command")\n')
    ]


def test_of_a_console_only_what_was_typed_is_taken(page: Path) -> None:
    assert commands(blocks(page)[1]) == "echo two\necho three \\\n    four\n"


def test_blocks_run_in_one_shell_in_order(page: Path) -> None:
    said = run(blocks(page), page.parent).splitlines()
    assert [line for line in said if not line.startswith("==")] == [
        *("one", "two", "three four", "```"),
        "key: $HOME 'and' \"quotes\"",
    ]


def test_a_command_that_fails_is_named(page: Path) -> None:
    page.write_text(PAGE.replace("echo two", "false | cat"))
    with pytest.raises(AssertionError, match=r"failed: page\.md:10"):
        run(blocks(page), page.parent)


def test_a_mark_without_a_reason_is_refused(page: Path) -> None:
    page.write_text(PAGE.replace("needs a server ", ""))
    with pytest.raises(ValueError, match=r"page\.md:23: the comment gives no reason"):
        blocks(page)


def test_every_page_of_the_project_can_be_taken_apart() -> None:
    pages = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")]
    found = [block for page in pages for block in blocks(page)]
    assert {block.page.name for block in found} >= {"README.md", "ingestion.md"}
    assert all(block.text.strip() for block in found)
    assert script(found)


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    for page in [*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if "://" in target:
                continue
            path, _, anchor = target.partition("#")
            linked = page.parent / path if path else page
            assert linked.exists(), f"{page.name}: {target}"
            assert not anchor or anchor in anchors(linked), f"{page.name}: {target}"


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+?)\s*$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_a_fresh_project_runs_its_own_code(tmp_path: Path) -> None:
    project = fresh_project(tmp_path / "project")
    (project / "tradehouse" / "__init__.py").write_text('print("the copy")\n')
    page = tmp_path / "page.md"
    page.write_text('```sh\n.venv/bin/python -c "import tradehouse"\nls -A\n```\n')
    said = run(blocks(page), project)
    assert re.search(r"^the copy$", said, re.MULTILINE)
    assert not {"data", ".git"} & set(said.splitlines())
