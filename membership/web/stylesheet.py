"""One stylesheet from many sources: `python -m membership.web.stylesheet` writes css/kava.css.

A reader on a bad network fetches one file; whoever writes it has one file per component. The order
of the sources does not matter, each puts its rules into a cascade layer.
"""

import re
from pathlib import Path

FOLDER = Path(__file__).parent / "static" / "css"
STYLESHEET = FOLDER / "kava.css"
LAYERS = "@layer reset, tokens, base, layout, components, pages;\n"


def compose() -> str:
    """All of css/src/*.css by name, without comments and indentation."""
    sources = (file.read_text("utf-8") for file in sorted((FOLDER / "src").glob("*.css")))
    bare = re.sub(r"/\*.*?\*/", "", "\n".join(sources), flags=re.DOTALL)
    lines = (line.strip() for line in bare.splitlines())
    return LAYERS + "\n".join(line for line in lines if line) + "\n"


if __name__ == "__main__":
    STYLESHEET.write_text(compose(), "utf-8")
