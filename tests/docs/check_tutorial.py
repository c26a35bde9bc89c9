#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/tutorial.md's screens are what the programs print.

    check_tutorial.py SOURCE PROGRAMS

PROGRAMS is the folder of the example programs. Numbers may differ by 2 % or by .006, because another CPU rounds otherwise, and
one item of the list that `git` gets. "..." stands for lines that the page leaves out."""
import pathlib
import re
import subprocess
import sys
import tempfile

RELATIVE, ABSOLUTE = 0.02, 0.006
NUMBER = re.compile(r"-?\d*\.\d+|\d+")
DATA = "examples/data/debian-depends"


def run(source, *command):
    done = subprocess.run([str(word) for word in command], cwd=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command[0]}: exit status {done.returncode}: {done.stderr.strip()}")
    return [line.strip() for line in done.stdout.split("\n") if line.strip()]


def blocks_of(page):
    """Indented blocks, each a list of lines."""
    blocks, block = [], []
    for line in page.split("\n"):
        if line.startswith("    "):
            block.append(line.strip())
        elif line.strip() and block:
            blocks.append(block)
            block = []
    return blocks


def agree(wanted, found):
    """Whether a line of the page is a line that was printed."""
    if NUMBER.sub("#", re.sub(r"\s+", " ", wanted)) != NUMBER.sub("#", re.sub(r"\s+", " ", found)):
        return False
    pairs = zip(map(float, NUMBER.findall(wanted)), map(float, NUMBER.findall(found)))
    return all(abs(a - b) <= max(ABSOLUTE, RELATIVE * abs(b)) for a, b in pairs)


def compare(block, printed, what):
    return [f"{what} does not print: {line}" for line in block
            if line and line != "..." and not any(agree(line, found) for found in printed)]


def measure(printed):
    """recall@20 and NDCG@20 of a report."""
    rows = {line.split()[0]: line.split()[1:] for line in printed if line.split()[0] in ("recall", "NDCG")}
    return [float(rows[name][1]) for name in ("recall", "NDCG")]


def check_options(page, report, train, source):
    """The table of options: | `--option` | recall | NDCG |."""
    faults = []
    for options, *wanted in re.findall(r"^\| (none|`--[^|]*`) \| (\.\d+) \| (\.\d+) \|$", page, re.M):
        found = measure(report if options == "none" else run(source, train, DATA, *options.strip("`").split()))
        faults += [f"{options}: {a} is printed as {b}" for a, b in zip(wanted, found) if abs(float(a) - b) > ABSOLUTE]
    return faults


def main():
    source, programs = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    page = (source / "docs/tutorial.md").read_text(encoding="utf-8")
    blocks = {block[0].split()[0]: block for block in blocks_of(page)}
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / "depends.safetensors"
        report = run(source, programs / "adaptau-train", DATA, "--save", model)
        listed = run(source, programs / "adaptau-recommend", model, "git", "--k", "5", "--seen", DATA)
    faults = compare(blocks["epoch"], run(source, programs / "02-training-loop"), "02-training-loop")
    faults += compare(blocks["data"], report, "adaptau-train")
    names, found = ({line.split()[-1] for line in lines[1:]} for lines in (blocks["git"], listed))
    if len(names & found) < len(names) - 1 or len(listed) != len(blocks["git"]):
        faults.append(f"adaptau-recommend lists {' '.join(sorted(found))}")
    faults += check_options(page, report, programs / "adaptau-train", source)
    for fault in faults:
        print(fault)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
