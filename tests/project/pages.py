"""The pages of docs/ and README, and what stands in them: blocks by language, links, headings."""

import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
PAGES = (
    REPOSITORY / "README.md",
    *sorted(one for one in DOCS.rglob("*.md") if "node_modules" not in one.parts),
)


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, the line it begins in, its language and its text."""

    page: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """As a test is named after it."""
        return f"{self.page}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """The fenced blocks of all pages that are in one of these languages."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in re.finditer(r"^( *)```(\w+)\n(.*?)^\1```$", text, flags=re.MULTILINE | re.DOTALL):
            if match[2] in languages:
                indented, line = match[1], text.count("\n", 0, match.start()) + 2
                inner = re.sub(rf"^{indented}", "", match[3], flags=re.MULTILINE)
                found.append(Block(str(page.relative_to(REPOSITORY)), line, match[2], inner))
    return found


def links(page: Path) -> list[str]:
    """Where the page's links lead, but for those that leave this repository."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [one for one in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", one)]


def anchors(page: Path) -> set[str]:
    """The names that a link to the page may end in, made of its headings as GitHub makes them."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), flags=re.MULTILINE)
    made = {re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in headings}
    return made | set(re.findall(r'<a id="([^"]+)"', text))
