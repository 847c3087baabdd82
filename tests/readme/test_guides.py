"""The guide shows the example as it is."""

import re


def test_the_guide_shows_lines_of_the_example(repository):
    guide = (repository / "docs" / "bring_your_own_tables.md").read_text(encoding="utf-8")
    example = (repository / "docs" / "examples" / "tables.yaml").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```", guide, flags=re.MULTILINE | re.DOTALL)
    code = {line.partition(" #")[0].rstrip() for line in example.splitlines() if not line.startswith("#")}
    shown = {line for block in blocks for line in block.splitlines()}
    assert shown - code == set()
    assert code - shown <= {""}
