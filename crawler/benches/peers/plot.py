"""The plots: a bar for each program, in an SVG that is readable on light and on dark."""

from html import escape

import programs

WIDTH, BAR, STEP, LEFT, RIGHT, TOP = 760, 18, 30, 250, 90, 64

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-size: 15px; font-weight: 600 }
.note { fill: #57606a; font-size: 12px }
.ours { fill: #0969da } .floor { fill: #8c959f } .peer { fill: #bc4c00 }
.cut { stroke: #ffffff; stroke-width: 4 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .note { fill: #9198a1 }
  .ours { fill: #4493f8 } .floor { fill: #848d97 } .peer { fill: #db6d28 }
  .cut { stroke: #0d1117 }
}
"""

# A bar that would be longer is cut, or the others could not be told apart.
CUT_US = 700


def draw(rows):
    """Draws the site of 20,000 pages, with who was too slow for it from that of 2,000."""
    if "site-20000" not in rows:
        return
    figures = rows.get("site-2000", {}) | rows["site-20000"]
    folder = programs.HERE / "plots"
    folder.mkdir(exist_ok=True)
    note = "20,000 pages of 10 KB with 30 links, 64 at once, client and server on the same machine"
    slow = [programs.TITLES[name] for name in programs.SLOW_PEERS if name in figures]
    note += f"; {' and '.join(slow)} on 2,000" if slow else ""
    pages = {name: of["pages_per_second"] for name, of in figures.items()}
    cpu = {name: of["cpu_us"] for name, of in figures.items()}
    faster = sorted(pages, key=pages.get, reverse=True)
    (folder / "pages.svg").write_text(bars("Pages a second (longer is better)", note, pages, faster))
    cheaper = sorted(cpu, key=cpu.get)
    (folder / "cpu.svg").write_text(bars("CPU µs a page, the crawler alone (shorter is better)", note, cpu, cheaper, CUT_US))


def bars(title, note, values, order, cut=float("inf")):
    longest = max(min(value, cut) for value in values.values())
    height = TOP + STEP * len(order) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<text class="title" x="12" y="24">{escape(title)}</text>',
        f'<text class="note" x="12" y="44">{escape(note)}</text>',
    ]
    for at, name in enumerate(order):
        parts.append(bar(name, values[name], TOP + STEP * at, longest))
    return "\n".join([*parts, "</svg>", ""])


def bar(name, value, y, longest):
    length = (WIDTH - LEFT - RIGHT) * min(value, longest) / longest
    text = y + BAR - 5
    parts = [
        f'<text x="{LEFT - 10}" y="{text}" text-anchor="end">{escape(programs.TITLES[name])}</text>',
        f'<rect class="{kind(name)}" x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2"/>',
        f'<text x="{LEFT + length + 8:.1f}" y="{text}">{value:,.0f}</text>',
    ]
    if value > longest:
        at = LEFT + length - 30
        parts.append(f'<path class="cut" d="M{at} {y + BAR + 2} l10 -{BAR + 4}"/>')
    return "\n".join(parts)


def kind(name):
    if name == programs.OURS:
        return "ours"
    return "floor" if name in programs.FLOOR_NAMES else "peer"
