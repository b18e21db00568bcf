"""A bar chart as SVG, readable on light and on dark pages.

It brings its own background, so that a page whose theme it cannot know does not spoil it.
"""

from collections.abc import Mapping
from html import escape
from statistics import median

WIDTH = 760
_MARGIN, _NAME_WIDTH, _VALUE_WIDTH = 24, 116, 96
_ROW, _BAR, _HEAD, _GAP = 24, 14, 30, 18
# A bar that is so many times the median leaves no room to compare the others: it is broken.
_BROKEN_FROM = 4.0
_OURS = "rrdns"

_STYLE = """\
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.page { fill: #ffffff; stroke: #d1d9e0 }
.title { font-size: 15px; font-weight: 600 }
.panel { font-weight: 600 }
.small { font-size: 11px; fill: #59636e }
.ours { fill: #0969da } .other { fill: #8c959f } .limit { fill: #bf8700 }
.cut { stroke: #ffffff; stroke-width: 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .page { fill: #0d1117; stroke: #3d444d }
  .small { fill: #9198a1 }
  .ours { fill: #4493f8 } .other { fill: #6e7681 } .limit { fill: #d29922 }
  .cut { stroke: #0d1117 }
}"""


def chart(title: str, panels: Mapping[str, Mapping[str, float]], footer: str) -> str:
    """Return an SVG document: for each panel a bar for each name, and the value in figures."""
    y = _MARGIN + 14
    parts = [_text(_MARGIN, y, title, "title")]
    for heading, values in panels.items():
        y += _GAP + _HEAD - 12
        parts.append(_text(_MARGIN, y, heading, "panel"))
        y += 8
        parts += _panel(values, y)
        y += _ROW * len(values)
    y += _GAP
    parts.append(_text(_MARGIN, y, footer, "small"))
    height = y + _MARGIN - 8
    described = escape(_description(panels))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
            f' width="{WIDTH}" height="{height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<desc>{described}</desc>",
            f"<style>\n{_STYLE}\n</style>",
            '<rect class="page" x="0.5" y="0.5" rx="8"'
            f' width="{WIDTH - 1}" height="{height - 1}"/>',
            *parts,
            "</svg>",
            "",
        ]
    )


def full_scale(values: Mapping[str, float]) -> float:
    """Return the value of the longest bar: the highest one that is not far above the rest."""
    near = [one for one in values.values() if one <= _BROKEN_FROM * median(values.values())]
    return max(near)


def _panel(values: Mapping[str, float], top: float) -> list[str]:
    scale = full_scale(values)
    room = WIDTH - 2 * _MARGIN - _NAME_WIDTH - _VALUE_WIDTH
    left = _MARGIN + _NAME_WIDTH
    parts = []
    for row, (name, value) in enumerate(sorted(values.items(), key=lambda pair: pair[1])):
        y = top + row * _ROW
        broken = value > scale
        width = room * min(value / scale, 1.0)
        kind = "limit" if name == "echo" else "ours" if name.startswith(_OURS) else "other"
        parts.append(_text(left - 10, y + _BAR - 2, name, "", "end"))
        parts.append(
            f'<rect class="{kind}" x="{left}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2"/>'
        )
        if broken:
            x = left + room * 0.9
            parts.append(
                f'<path class="cut" d="M{x:.1f} {y + _BAR + 2} l8 -{_BAR + 4}" fill="none"/>'
            )
        parts.append(_text(left + width + 8, y + _BAR - 2, f"{value:,.2f}"))
    return parts


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{style} text-anchor="{anchor}">{escape(words)}</text>'


def _description(panels: Mapping[str, Mapping[str, float]]) -> str:
    return "; ".join(
        f"{heading}: " + ", ".join(f"{name} {value:.2f}" for name, value in values.items())
        for heading, values in panels.items()
    )
