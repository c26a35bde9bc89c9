#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Manual pages from what the programs and headers say, so that a page cannot say anything else.

    pages.py write SOURCE PROGRAM...   write the pages beside this file anew
    pages.py check SOURCE PROGRAM...   are they what they would be written as?

NAME.1.in is a page in man(7) with places: @VERSION@; @OPTIONS@, the options in the program's --help, with their headings;
@EXIT@, what it says of exit codes. libadaptau.3.in has @FUNCTIONS@: what each public header is for and declares."""
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent

OPTION = re.compile(r"^  (--[\w-]+)(?: (\S+))?(?: +(.*))?$")
MORE = re.compile(r"^ {20,}(\S.*)$")
HEADING = re.compile(r"^(\w.*):$")


def escape(text):
    """Text for troff: hyphens that are typed, no line that begins like a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def argument(text):
    """FILE and N in italics, words to choose from in bold."""
    parts = re.split(r"([|,])", text)
    return "".join(part if part in "|," else f"\\fI{escape(part)}\\fR" if part.isupper() else f"\\fB{escape(part)}\\fR"
                   if part != "..." else part for part in parts)


def options(text):
    """The options in --help: lines of troff. Every line that begins with two blanks and a dash must be one."""
    lines, open_option = [], False
    for line in text.splitlines():
        found, more, heading = OPTION.match(line), MORE.match(line), HEADING.match(line)
        if found:
            name, value, what = found.groups()
            lines += [".TP", f"\\fB{escape(name)}\\fR" + (f" {argument(value)}" if value else "")]
            lines += [escape(what)] if what else []
            open_option = True
        elif more and open_option:
            lines.append(escape(more.group(1)))
        elif line.strip().startswith("--"):
            sys.exit(f"an option that is not written like the others: {line}")
        else:
            open_option = False
            if heading and heading.group(1) != "Options":
                lines.append(f".SS {heading.group(1)}")
    return lines


def exit_codes(text):
    """The numbers after "Exit codes:", to the end of the help."""
    said = " ".join(text[text.index("Exit codes:") + len("Exit codes:"):].split()).rstrip(".")
    lines = []
    for number, meaning in re.findall(r"(\d+(?: or \d+)?) ((?:[^,(]|\([^)]*\))+)", said):
        lines += [".TP", f".B {number}", escape(meaning.strip())]
    return lines


def functions(source):
    """The public headers with the first sentence of each, and their functions."""
    lines = []
    everything = (source / "include/adaptau/adaptau.h").read_text(encoding="utf-8")
    for name in re.findall(r"#include <adaptau/(\w+)\.h>", everything):  # in reading order
        text = (source / "include/adaptau" / f"{name}.h").read_text(encoding="utf-8")
        purpose = re.search(r"@file \S+\s*\n \*  (.+?[.:])(?:\s|\n)", text, re.S).group(1)
        purpose = " ".join(purpose.replace("\n *", " ").split()).rstrip(".:")
        code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        names = re.findall(r"ADAPTAU_API[^;{]*?\b(adaptau_\w+)\s*\(", code)
        lines += [f".SS <adaptau/{name}.h>", escape(purpose) + ":", ".PP", ".nh", ".ad l"]
        lines += [f".BR {function} ()" + ("," if function != names[-1] else "") for function in names]
        lines += [".ad b", ".hy"]
    return lines


def fill(template, places):
    lines = []
    for line in template.splitlines():
        if line in places:
            lines += places[line]
        else:
            lines.append(line.replace("@VERSION@", places["@VERSION@"]))
    return "\n".join(lines) + "\n"


def make(source, programs):
    """Name and text of each page."""
    version = re.search(r"^  version: '(.*)',$", (source / "meson.build").read_text(encoding="utf-8"), re.M).group(1)
    pages = {"libadaptau.3": {"@FUNCTIONS@": functions(source)}}
    for program in programs:
        text = subprocess.run([program, "--help"], check=True, capture_output=True, text=True).stdout
        pages[pathlib.Path(program).name + ".1"] = {"@OPTIONS@": options(text), "@EXIT@": exit_codes(text)}
    missing = {path.stem for path in HERE.glob("*.in")} - set(pages)
    if missing:
        sys.exit(f"no program was given for {sorted(missing)}")
    for name, places in pages.items():
        yield name, fill((HERE / f"{name}.in").read_text(encoding="utf-8"), {**places, "@VERSION@": version})


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in ("write", "check"):
        sys.exit(__doc__)
    stale = 0
    for name, text in make(pathlib.Path(sys.argv[2]), sys.argv[3:]):
        page = HERE / name
        if sys.argv[1] == "write":
            page.write_text(text, encoding="utf-8")
            continue
        there = page.read_text(encoding="utf-8").splitlines() if page.exists() else []
        wanted = text.splitlines()
        for line in [line for line in wanted if line not in there] + [line for line in there if line not in wanted]:
            print(f"{name}: {'not there yet' if line in wanted else 'no longer said'}: {line}")
        if there != wanted:
            stale += 1
            print(f"{name} is not what --help and the headers say: ./dev/run man writes it anew")
        else:
            print(f"{name}: {sum(line == '.TP' for line in there)} options, files and exit codes, "
                  f"{sum(line.startswith('.BR adaptau_') for line in there)} functions")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
