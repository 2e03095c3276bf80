"""Families as a picture, of what families.py --json wrote: how many times the floor
everybody takes, the median as a dot and all rounds as a line.

    .venv/bin/python benchmarks/family_picture.py FILE docs/families.svg
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from families import FAMILIES
from results import Spread, Unreadable, read, spread

COLORS = {
    "readable": "#56b4e9",
    "planned": "#0072b2",
    "ref, jit": "#d55e00",
    "torch eager": "#009e73",
    "torch.compile": "#66c2a5",
}
LEFT, RIGHT, WIDTH, TOP, LINE = 16, 16, 720, 56, 11
TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100)


def draw(results: dict[str, Any]) -> str:
    """The SVG, with a white ground of its own, so that it can be read on a dark page too."""
    (run,) = results["runs"]
    rows: list[tuple[str, dict[str, Spread]]] = [
        (
            FAMILIES[name].title,
            {who: spread(case, who) for who in COLORS if who in case["competitors"]},
        )
        for name, case in run["sizes"].items()
    ]
    every = [s for _, spreads in rows for s in spreads.values()]
    low, high = min(1.0, *(s.least for s in every)), max(s.most for s in every)

    def x(ratio: float) -> str:
        """On a scale of logarithms."""
        share = math.log(ratio / low) / math.log(high / low)
        return f"{LEFT + share * (WIDTH - LEFT - RIGHT):.1f}"

    def text(x: str | float, y: float, words: str, more: str = "") -> str:
        return f'<text x="{x}" y="{y}" {more}>{escape(words)}</text>'

    parts, y = [], TOP
    for title, spreads in rows:
        parts.append(text(LEFT, y + LINE, title))
        y += 2 * LINE
        for who, s in spreads.items():
            parts.append(
                f'<g stroke="{COLORS[who]}" fill="{COLORS[who]}"><title>{escape(who)}: {s}</title>'
                f'<line x1="{x(s.least)}" x2="{x(s.most)}" y1="{y}" y2="{y}"/>'
                f'<circle cx="{x(s.median)}" cy="{y}" r="3"/></g>'
            )
            y += LINE
    grid = []
    for tick in TICKS:
        if low <= tick <= high:
            grid.append(f'<line x1="{x(tick)}" x2="{x(tick)}" y1="{TOP}" y2="{y}" stroke="#ddd"/>')
            grid.append(text(x(tick), TOP - 6, f"{tick:g}", 'text-anchor="middle"'))
    legend = [
        f'<circle cx="{LEFT + 130 * k + 4}" cy="12" r="4" fill="{color}"/>'
        + text(LEFT + 130 * k + 14, 16, who)
        for k, (who, color) in enumerate(COLORS.items())
    ]
    setting = results["setting"]
    below = f"times the floor; {run['dtype']}, one thread, {run['rounds']} rounds; "
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 24}" '
            f'width="{WIDTH}" font-family="sans-serif" font-size="11" fill="#333">',
            '<rect width="100%" height="100%" fill="#fff"/>',
            *legend,
            *grid,
            *parts,
            text(LEFT, y + 14, below + f"{setting['machine']}, {setting['date']}", 'fill="#777"'),
            "</svg>\n",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", help="a file that families.py --json wrote")
    parser.add_argument("svg", type=Path, help="the picture to write")
    options = parser.parse_args()
    try:
        options.svg.write_text(draw(read(options.results, "families")))
    except (Unreadable, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
