import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT

PACKAGES = "search|objectives|spaces|mlruns_config|bench|examples|tests|docker|docs"
NAMED = re.compile(rf"`((?:{PACKAGES})/[\w./-]+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_and_folder_that_a_page_names_is_there(page: Path) -> None:
    named = NAMED.findall(page.read_text("utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []
