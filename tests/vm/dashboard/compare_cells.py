#!/usr/bin/env python3
"""Compares two screens as `tmux capture-pane -ep` prints them: compare_cells.py PLAIN DASHBOARD

The second one is a dashboard whose console fills it: the frame and the lines around it are left out. Exits with 1, and says
where, when any cell differs in its character, colours or attributes.
"""
import re
import sys

ON = {1: "bold", 2: "faint", 3: "italic", 4: "underlined", 5: "blinking", 7: "reverse", 9: "struck"}
OFF = {22: {"bold", "faint"}, 23: {"italic"}, 24: {"underlined"}, 25: {"blinking"}, 27: {"reverse"}, 29: {"struck"}}


def apply(style, words):
    """Select graphic rendition: colours are kept as they are written."""
    numbers = [int(word or 0) for word in words]
    while numbers:
        number = numbers.pop(0)
        if number in (38, 48):
            count = 2 if numbers[0] == 5 else 4
            style[number] = tuple(numbers[1:count])
            del numbers[:count]
        elif number in ON:
            style["flags"] = style["flags"] | {ON[number]}
        elif number in OFF:
            style["flags"] = style["flags"] - OFF[number]
        elif number in (39, 49):
            style[number - 1] = ()
        elif number == 0:
            style.update({38: (), 48: (), "flags": frozenset()})
        else:
            plane, base = (38, 30) if number < 40 or 90 <= number < 100 else (48, 40)
            style[plane] = (number - base if number < 90 else number - base - 60 + 8,)


def visible(character, style):
    """What can be seen of a cell: nothing of a blank's foreground, unless it is reversed or has a line."""
    if character == " " and not style["flags"] & {"reverse", "underlined", "struck"}:
        return " ", (), style[48], frozenset()
    return character, style[38], style[48], style["flags"]


def lines(path):
    """Lists of (character, foreground, background, flags)."""
    style, found = {38: (), 48: (), "flags": frozenset()}, []
    with open(path, encoding="utf-8") as file:
        for line in file.read().split("\n")[:-1]:
            cells = []
            for codes, character in re.findall("\x1b\\[([0-9;:]*)m|([^\x1b\x0e\x0f])", line):
                if character:
                    cells.append(visible(character, style))
                else:
                    apply(style, re.split("[;:]", codes))
            found.append(cells)
    return found


def trimmed(cells):
    """Without the blanks at the end, whatever their background: of what was erased to the end of a line tmux does not tell it."""
    while cells and (cells[-1][0], cells[-1][3]) == (" ", frozenset()):
        cells = cells[:-1]
    return cells


plain, dashboard = lines(sys.argv[1]), lines(sys.argv[2])
inner = [cells[1:-1] for cells in dashboard[2:-2]]
same = len(inner) == len(plain)
if not same:
    print(f"{len(inner)} lines in the dashboard, {len(plain)} in the terminal")
for number, (left, right) in enumerate(zip(map(trimmed, plain), map(trimmed, inner))):
    if left == right:
        continue
    same = False
    column = next((x for x, (a, b) in enumerate(zip(left, right)) if a != b), min(len(left), len(right)))
    print(f"line {number + 1}, character {column + 1}: {left[column:column + 1]} in the terminal, "
          f"{right[column:column + 1]} in the dashboard")
sys.exit(not same)
