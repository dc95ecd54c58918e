import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, anchors, without_code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    broken = [
        target
        for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text("utf-8")))
        if not target.startswith(("http://", "https://", "mailto:")) and not _leads(page, target)
    ]
    assert broken == []


def _leads(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    found = (page.parent / path).resolve() if path else page
    if not found.exists() or not found.is_relative_to(ROOT.resolve()):
        return False
    return not anchor or anchor in anchors(found.read_text("utf-8"))
