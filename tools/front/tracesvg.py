# SPDX-License-Identifier: MIT
"""Draws a stretch of a trace (front/tracejson.py) as an SVG picture: processors with their IRQL, threads with their calls and
states, arrows from signal to wake-up. For documents; Perfetto's UI is for looking around."""
import html

from front.tracejson import PROCESSORS

WIDTH, LEFT, RIGHT, TOP = 1480, 178, 24, 62
ROW, GAP, IRQL_HEIGHT = 24, 20, 54
STATES = {"Running": "#3f9d6b", "Ready": "#e8b13a", "Waiting": "#d5d9de"}
COLOURS = {"service": "#4b78b8", "apc": "#8a5ab0", "fault": "#b8577a", "interrupt": "#c94f3d", "dpc": "#e07b39"}
THREADS = ["#2f6f8f", "#7a5195", "#946b2d", "#3b7d4f", "#a05252", "#56608a"]
FONT = "font-family='DejaVu Sans, Verdana, sans-serif'"


def slices(events):
    """[(pid, tid, depth, start, end, name, category, args)] from the begins and ends."""
    open_slices, done = {}, []
    for event in events:
        stack = open_slices.setdefault((event["pid"], event["tid"]), [])
        if event["ph"] == "B":
            stack.append(event)
        elif event["ph"] == "E" and stack:
            first = stack.pop()
            done.append((event["pid"], event["tid"], len(stack), first["ts"], event["ts"], first["name"], first["cat"], first["args"]))
    return done


class Picture:
    def __init__(self, begin, end):
        self.begin, self.end, self.out, self.y, self.anchors = begin, end, [], TOP, {}

    def x(self, time):
        return LEFT + (min(max(time, self.begin), self.end) - self.begin) / (self.end - self.begin) * (WIDTH - LEFT - RIGHT)

    def text(self, x, y, words, size=12, colour="#20262e", anchor="start", weight="normal"):
        self.out.append(f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{colour}' text-anchor='{anchor}' "
                        f"font-weight='{weight}' {FONT}>{html.escape(words)}</text>")

    def box(self, start, end, y, height, colour, words="", ink="#ffffff", hint=""):
        left, right = self.x(start), self.x(end)
        width = max(right - left - 0.8, 0.8)
        self.out.append(f"<g><title>{html.escape(hint or words)}</title><rect x='{left:.1f}' y='{y:.1f}' width='{width:.1f}' "
                        f"height='{height}' rx='2.5' fill='{colour}'/></g>")
        room = int((width - 8) / 6.6)
        if room >= 4:
            shown = words if len(words) <= room else words[:room - 1] + "…"
            self.text(left + 5, y + height / 2 + 4.2, shown, 11.5, ink)

    def heading(self, words, note, height):
        middle = self.y + height / 2
        self.text(14, middle - 2, words, 13, weight="bold")
        self.text(14, middle + 14, note, 11, "#6b7480")

    def axis(self, bottom):
        span, step = self.end - self.begin, 0.001
        while span / step > 14:
            step *= 2 if str(step)[-1] in "15" or step in (1, 10, 100, 1000) else 2.5
        tick = int(self.begin / step + 0.999) * step  # the first whole one
        while tick <= self.end:
            x = self.x(tick)
            self.out.insert(0, f"<line x1='{x:.1f}' y1='{TOP - 14}' x2='{x:.1f}' y2='{bottom}' stroke='#e6e9ed' stroke-width='1'/>")
            self.text(x, TOP - 20, f"{tick:g}" + (" µs" if tick + step > self.end else ""), 11, "#6b7480", "middle")
            tick = round(tick + step, 6)


def draw_irql(picture, events, cpu):
    levels = [(event["ts"], event["args"]["IRQL"]) for event in events if event["ph"] == "C" and event["tid"] == cpu]
    before = [level for time, level in levels if time <= picture.begin]
    now, path = (before[-1] if before else 0), []
    bottom, top = picture.y + IRQL_HEIGHT - 6, max([level for time, level in levels if picture.begin <= time <= picture.end] + [now, 2])

    def height(level):
        return bottom - (level / top) ** 0.5 * (IRQL_HEIGHT - 18)  # so that DISPATCH_LEVEL shows beside the clock's 28
    path.append(f"M {picture.x(picture.begin):.1f} {bottom} V {height(now):.1f}")
    for time, level in levels:
        if picture.begin < time < picture.end:
            path.append(f"H {picture.x(time):.1f} V {height(level):.1f}")
    path.append(f"H {picture.x(picture.end):.1f} V {bottom} Z")
    picture.heading(f"Processor {cpu}", f"IRQL, 0 to {top}", IRQL_HEIGHT)
    picture.out.append(f"<path d='{' '.join(path)}' fill='#c9d8ee' stroke='#5d84bd' stroke-width='1'/>")
    for level in sorted({0, top}):
        picture.text(LEFT - 8, height(level) + 4, str(level), 10.5, "#6b7480", "end")
    picture.y += IRQL_HEIGHT + 4


def draw_processor(picture, events, parts, cpu):
    draw_irql(picture, events, cpu)
    rows = 1 + max([depth for _, _, depth, *_ in parts] + [0])
    colours = sorted({name for *_, name, category, _ in parts if category == "thread"})
    for _, _, depth, start, end, name, category, _ in parts:
        colour = THREADS[colours.index(name) % len(THREADS)] if category == "thread" else COLOURS.get(category, "#777777")
        picture.box(start, end, picture.y + depth * ROW, ROW - 3, colour, name)
    picture.text(14, picture.y + 15, "runs", 11, "#6b7480")
    picture.anchors[PROCESSORS, cpu] = (picture.y, picture.y + ROW)
    picture.y += rows * ROW + GAP


def draw_thread(picture, parts, key, label):
    rows = max([depth for _, _, depth, *_, category, _ in parts if category != "state"] + [-1]) + 2
    state_y = picture.y + (rows - 1) * ROW
    for _, _, depth, start, end, name, category, args in parts:
        if category == "state":
            kind = name.split()[0]
            words = f"{name} {args.get('object', '')}".strip() if kind == "Waiting" else name
            picture.box(start, end, state_y, ROW - 3, STATES[kind], words, "#20262e" if kind != "Running" else "#ffffff")
        else:
            picture.box(start, end, picture.y + depth * ROW, ROW - 3, COLOURS.get(category, "#777777"), name)
    picture.heading(label.split(" (")[0], f"thread {key[1]:x}", rows * ROW)
    picture.anchors[key] = (state_y, state_y + ROW - 3)
    picture.y += rows * ROW + GAP


def draw_arrows(picture, events):
    starts = {event["id"]: event for event in events if event["ph"] == "s"}
    for event in events:
        first = starts.get(event.get("id")) if event["ph"] == "f" else None
        if not first or first["ts"] < picture.begin or event["ts"] > picture.end:
            continue
        source, target = (picture.anchors.get((row["pid"], row["tid"])) for row in (first, event))
        if not source or not target:
            continue
        down = target[0] >= source[0]
        x1, x2 = picture.x(first["ts"]), picture.x(event["ts"])
        y1, y2 = (source[1] - 6, target[0] - 1) if down else (source[0] + 6, target[1] + 1)
        bend = (y2 - y1) * 0.5
        picture.out.append(f"<path d='M {x1:.1f} {y1:.1f} C {x1:.1f} {y1 + bend:.1f} {x2:.1f} {y2 - bend:.1f} {x2:.1f} {y2:.1f}' "
                           "fill='none' stroke='#1c1f24' stroke-width='1.7' marker-end='url(#head)'/>")
        picture.out.append(f"<circle cx='{x1:.1f}' cy='{y1:.1f}' r='3' fill='#1c1f24'/>")


def legend(picture, categories):
    x = LEFT
    words_of = {"service": "system call", "fault": "page fault", "apc": "APC", "interrupt": "interrupt", "dpc": "DPC"}
    for words, colour in [*((name.lower(), colour) for name, colour in STATES.items()),
                          *((words, COLOURS[name]) for name, words in words_of.items() if name in categories)]:
        picture.out.append(f"<rect x='{x}' y='{picture.y}' width='13' height='13' rx='2' fill='{colour}'/>")
        picture.text(x + 19, picture.y + 11, words, 11.5)
        x += 34 + 7.2 * len(words)
    picture.text(x + 4, picture.y + 11, "⟶ signal to wake-up", 11.5)
    picture.y += 32


def draw(rows, path, window=None, title=""):
    """Writes the picture of the trace events of `rows` between window = "FROM:TO" microseconds (all without it)."""
    events = [row for row in rows if row["ph"] != "M"]
    names = {(row["pid"], row["tid"]): row["args"]["name"] for row in rows if row["ph"] == "M" and row["name"] == "thread_name"}
    begin, end = (float(part) for part in window.split(":")) if window else (0.0, max(event["ts"] for event in events))
    picture, parts = Picture(begin, end), {}
    for part in slices(events):
        if part[4] > begin and part[3] < end:
            parts.setdefault(part[:2], []).append(part)
    for pid, cpu in sorted(key for key in names if key[0] == PROCESSORS):
        draw_processor(picture, events, parts.get((pid, cpu), []), cpu)
    for key in sorted(key for key in parts if key[0] != PROCESSORS):
        if any(name == "Running" for *_, name, _, _ in parts[key]):
            draw_thread(picture, parts[key], key, names[key])
    draw_arrows(picture, events)
    legend(picture, {category for rows in parts.values() for *_, category, _ in rows})
    picture.axis(picture.y - 44)
    picture.text(14, 26, title, 15, weight="bold")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{picture.y:.0f}' "
                   f"viewBox='0 0 {WIDTH} {picture.y:.0f}'><defs><marker id='head' markerWidth='9' markerHeight='9' refX='7' refY='4' "
                   "orient='auto' markerUnits='userSpaceOnUse'><path d='M0,0 L8,4 L0,8 z' fill='#1c1f24'/></marker></defs>"
                   "<rect width='100%' height='100%' fill='#ffffff'/>\n" + "\n".join(picture.out) + "\n</svg>\n")
