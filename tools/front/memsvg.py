# SPDX-License-Identifier: MIT
"""Draws what front/memmap.py has found out: a field with a cell for each frame (or for each few), and below it a process's
regions with a strip of their pages."""
import collections
import html

WIDTH, LEFT, TOP = 1320, 96, 96
CELLS, FEW_CELLS = 65536, 20000  # few cells are drawn twice as large
FONT = "font-family='DejaVu Sans, Verdana, sans-serif'"
COLOURS = {"zeroed": "#eef1f4", "free": "#d3dae1", "standby": "#b9d7ea", "modified": "#e9a23b", "transition": "#f4d35e", "bad": "#111111",
           "kernel code": "#7b2d8b", "kernel constants": "#a06cb0", "kernel data": "#c39bd0", "kernel": "#8f8f8f",
           "frame database": "#5a3e2b", "nonpaged pool": "#c8412f", "paged pool": "#e57a6b", "session pool": "#f0b3a8",
           "special pool": "#ff2fa0", "page tables": "#1d3557", "files": "#2a9d5c", "processes": "#2f73c0",
           "mapped in system space": "#6fb98f", "system PTEs": "#8a6d1f"}
PAGE_COLOURS = {"private": "#2f73c0", "shared": "#2a9d5c", "transition": "#f4d35e", "demand zero": "#cfd8e0", "paged out": "#e9a23b", "page table out": "#b5651d",
                "mapped, not resident": "#cfe8d8"}
KIND_COLOURS = {"private": "#e3edf8", "image": "#efe3f3", "mapped file": "#e2f2e8", "section": "#f3efe0"}


def text(x, y, words, size=12, colour="#20262e", anchor="start", weight="normal"):
    return (f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{colour}' text-anchor='{anchor}' font-weight='{weight}' "
            f"{FONT}>{html.escape(words)}</text>")


def size_of(frames):
    return f"{frames * 4 / 1024:.1f} MB" if frames >= 256 else f"{frames * 4} KB"


def cells(frames):
    """[(first frame, kind)] of cells that hold so many frames that there are not too many of them; and that number. Where there
    is no memory there is no cell: None marks a hole."""
    each = 1
    while len(frames) // each > CELLS:
        each *= 2
    out, previous = [], None
    for index in range(0, len(frames), each):
        group = frames[index:index + each]
        if previous is not None and group[0][0] != previous + 1:
            out.append((group[0][0], None))
        out.append((group[0][0], collections.Counter(kind for _, kind in group).most_common(1)[0][0]))
        previous = group[-1][0]
    return out, each


def frame_field(out, y, frames):
    field, each = cells(frames)
    columns, cell = (256, 4.5) if len(field) <= FEW_CELLS else (512, 2.25)
    for row in range(0, len(field), columns):
        line = field[row:row + columns]
        if row // columns % (4 * columns // 128) == 0:
            out.append(text(LEFT - 8, y + 8, f"{line[0][0] << 12:09X}", 10, "#6b7480", "end"))
        start = 0
        for column in range(1, len(line) + 1):
            if column < len(line) and line[column][1] == line[start][1]:
                continue
            kind = line[start][1]
            if kind:
                out.append(f"<rect x='{LEFT + start * cell:.2f}' y='{y:.2f}' width='{(column - start) * cell:.2f}' height='{cell:.2f}' "
                           f"fill='{COLOURS.get(kind, '#8f8f8f')}'><title>{line[start][0] << 12:X}: {html.escape(kind)}</title></rect>")
            start = column
        y += cell
    return y, each * columns, each


def legend(out, y, totals, physical):
    columns, step = 4, (WIDTH - LEFT - 24) / 4
    rows = totals.most_common()
    for index, (kind, count) in enumerate(rows):
        x, row = LEFT + index % columns * step, y + index // columns * 21
        out.append(f"<rect class='legend' x='{x:.1f}' y='{row:.1f}' width='14' height='14' fill='{COLOURS.get(kind, '#8f8f8f')}' "
                   "stroke='#9aa4ae' stroke-width='0.5'/>")
        out.append(text(x + 20, row + 11.5, f"{kind}: {count} ({size_of(count)}, {100 * count / physical:.1f} %)", 12))
    return y + (len(rows) + columns - 1) // columns * 21 + 10


def region_row(out, y, region):
    pages = (region["end"] - region["start"] + 1) >> 12
    left, width = LEFT + 470, WIDTH - LEFT - 470 - 24
    resident = sum(count for _, count, state in region["pages"] if state in ("private", "shared"))
    out.append(f"<rect x='{left}' y='{y}' width='{width}' height='13' fill='{KIND_COLOURS[region['kind']]}' stroke='#b8c0c8' "
               "stroke-width='0.5'/>")
    for first, count, state in region["pages"]:
        out.append(f"<rect x='{left + width * first / pages:.2f}' y='{y}' width='{max(width * count / pages, 0.6):.2f}' height='13' "
                   f"fill='{PAGE_COLOURS[state]}'><title>{region['start'] + (first << 12):08X}: {count} pages, {state}</title></rect>")
    out.append(text(14, y + 11, f"{region['start']:08X}-{region['end']:08X}", 11.5))
    out.append(text(LEFT + 74, y + 11, f"{pages} p., {resident} resident", 11))
    name = region["file"].split("\\")[-1] if region["file"] else ""
    out.append(text(LEFT + 226, y + 11, f"{region['kind']} {name}"[:26], 11, weight="bold" if name else "normal"))
    out.append(text(LEFT + 386, y + 11, region["protection"].replace("EXECUTE_", "X_")[:12], 9.5, "#6b7480"))
    return y + 17


def draw(data):
    """The picture as SVG text."""
    out = [text(14, 30, "Physical memory", 19, weight="bold")]
    used = data["physical"] - data["available"]
    y, row, each = frame_field(out, TOP, data["frames"])
    out.append(text(14, 52, f"{size_of(data['physical'])}; {size_of(data['available'])} available (zeroed, free, standby), "
                            f"{size_of(used)} in use", 13, "#4a545e"))
    out.append(text(14, 70, f"One cell: {size_of(each)}, rows of {size_of(row)}. "
                            f"Processes: {', '.join(process['name'] for process in data['processes'])}", 12, "#6b7480"))
    y = legend(out, y + 16, data["totals"], data["physical"]) + 30
    process = data["process"]
    out.append(text(14, y, f"Address space of {process['name']} ({process['pid']})", 19, weight="bold"))
    x = 14
    for state, colour in PAGE_COLOURS.items():
        out.append(f"<rect x='{x}' y='{y + 12}' width='14' height='14' fill='{colour}' stroke='#9aa4ae' stroke-width='0.5'/>")
        out.append(text(x + 20, y + 23.5, state, 12))
        x += 40 + 7.4 * len(state)
    out.append(text(x, y + 23.5, "(pale: reserved or never touched)", 12, "#6b7480"))
    y += 40
    for region in process["regions"]:
        y = region_row(out, y, region)
    height = y + 16
    return (f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height:.0f}' viewBox='0 0 {WIDTH} {height:.0f}'>\n"
            f"<rect width='{WIDTH}' height='{height:.0f}' fill='#ffffff'/>\n" + "\n".join(out) + "\n</svg>\n")
