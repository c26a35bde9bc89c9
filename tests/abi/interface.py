#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The interface that hosts are compiled against, as text, and what was recorded of it.

    interface.py check INCLUDE COMPILER...    does what is recorded still hold, and is everything recorded?
    interface.py record INCLUDE COMPILER...   write interface.txt and test_layout.c anew; --break when something recorded ends
    interface.py stub INCLUDE                 C with every exported function, empty: for abidw, without private types

interface.txt has a line for each constant, type, struct, member and function of the public headers. A recorded line stays true;
only a struct's size may grow, and a reserved member get a name. Layouts are those of LP64, where nothing is padded. What
experimental.h declares is no part of the promise, and is not recorded."""
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
RECORD, LAYOUT = HERE / "interface.txt", HERE / "test_layout.c"

FUNCTION = re.compile(r"ADAPTAU_API\s+([^;{]*?)\b(adaptau_\w+)\s*(\([^;{]*\))\s*;", re.S)
STRUCT = re.compile(r"typedef struct (adaptau_\w+) \{(.*?)\} \1;", re.S)
TYPEDEF = re.compile(r"^typedef (?!struct adaptau_\w+ \{)([^;]+);", re.M)
MEMBER = re.compile(r"^(.*?)\s*\b(\w+)(\[\w+\])?$", re.S)
CONSTANT = re.compile(r"^#define (ADAPTAU_(?!API\b)(?!\w+_H\b)\w+)[ \t]+\S", re.M)
# The version is what changes between versions.
VERSION = re.compile(r"ADAPTAU_VERSION_")


def plain(text):
    """One line, one blank, none after '(' or around '*'."""
    text = " ".join(text.split())
    return re.sub(r"\s*\*\s*", " *", text).replace("* *", "**").replace("( ", "(").replace(" ,", ",")


class Interface:
    def __init__(self, include):
        self.include = include
        self.functions, self.structs, self.types, self.constants = {}, {}, [], []
        for path in sorted((pathlib.Path(include) / "adaptau").glob("*.h")):
            if path.name == "experimental.h":
                continue
            text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.S)
            self.constants += [name for name in CONSTANT.findall(text) if not VERSION.match(name)]
            for result, name, parameters in FUNCTION.findall(text):
                self.functions[name] = (plain(f"{result} {name}"), plain(parameters))
            self.types += [plain(found) for found in TYPEDEF.findall(text)]
            for name, body in STRUCT.findall(text):
                self.structs[name] = list(self.members(name, body))

    @staticmethod
    def members(struct, body):
        for declaration in filter(None, map(str.strip, body.split(";"))):
            if "," in declaration or "(" in declaration:
                sys.exit(f"{struct}: one member in a declaration, please: {plain(declaration)}")
            kind, name, bounds = MEMBER.match(declaration).groups()
            yield name, plain(kind) + (bounds or "")

    def measure(self, compiler):
        """Sizes, offsets and constants, by a program that the compiler makes: a dictionary from expression to number."""
        expressions = [f"sizeof({name})" for name in self.structs]
        for name, members in self.structs.items():
            for member, _ in members:
                expressions += [f"offsetof({name}, {member})", f"sizeof((({name} *)0)->{member})"]
        expressions += self.constants
        lines = "".join(f'    printf("%lld\\n", (long long)({expression}));\n' for expression in expressions)
        program = f"#include <adaptau/adaptau.h>\n#include <stdio.h>\nint main(void)\n{{\n{lines}    return 0;\n}}\n"
        with tempfile.TemporaryDirectory() as folder:
            source, out = pathlib.Path(folder) / "measure.c", pathlib.Path(folder) / "measure"
            source.write_text(program, encoding="utf-8")
            subprocess.run([*compiler, f"-I{self.include}", str(source), "-o", str(out)], check=True)
            numbers = subprocess.run([str(out)], check=True, capture_output=True, text=True).stdout.split()
        return dict(zip(expressions, map(int, numbers)))

    def padded(self, numbers):
        """Structs with bytes that belong to no member."""
        for struct, members in self.structs.items():
            named = sum(numbers[f"sizeof((({struct} *)0)->{name})"] for name, _ in members)
            if named != numbers[f"sizeof({struct})"]:
                yield f"{struct} has {numbers[f'sizeof({struct})']} bytes, its members {named}"

    def lines(self, numbers):
        yield from (f"constant {name} {numbers[name]}" for name in sorted(self.constants))
        yield from (f"type {text}" for text in sorted(self.types))
        for struct in sorted(self.structs):
            yield f"struct {struct} {numbers[f'sizeof({struct})']}"
            for name, kind in self.structs[struct]:
                yield (f"member {struct}.{name} at {numbers[f'offsetof({struct}, {name})']} of "
                       f"{numbers[f'sizeof((({struct} *)0)->{name})']}: {kind}")
        for name in sorted(self.functions):  # parameters may be renamed
            result, parameters = self.functions[name]
            types = re.sub(r"(?<=[ *])\w+(?=[,)])", "", parameters)
            yield f"function {result}" + types.replace(" ,", ",").replace(" )", ")")

    def layout(self, numbers):
        yield "/* SPDX-License-Identifier: MIT */"
        yield "/* The layout of every public struct on LP64, held by the compiler. Written by ./dev/run abi --record. */"
        yield "#include <adaptau/adaptau.h>\n"
        yield "#if UINTPTR_MAX == UINT64_MAX"
        yield "#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)"
        yield "#define MEMBER(type, member, offset, size)" + " " * 81 + "\\"
        yield ("    _Static_assert(offsetof(type, member) == (offset) && sizeof(((type *)0)->member) == (size), "
               '#type "." #member)')
        for struct in sorted(self.structs):
            yield f"\nSIZE({struct}, {numbers[f'sizeof({struct})']});"
            for name, _ in self.structs[struct]:
                yield (f"MEMBER({struct}, {name}, {numbers[f'offsetof({struct}, {name})']}, "
                       f"{numbers[f'sizeof((({struct} *)0)->{name})']});")
        yield "#endif\n"
        yield "int main(void)\n{\n    return 0; /* compiling it was the test */\n}"

    def stub(self):
        yield "#include <adaptau/adaptau.h>"
        for result, parameters in self.functions.values():
            yield result + parameters + (" {}" if result.startswith("void adaptau_") else " { return 0; }")


def grown(recorded, present):
    """Recorded lines of structs whose size has only grown, and of reserved members that have got a name."""
    sizes = {line.split()[1]: int(line.split()[2]) for line in present if line.startswith("struct ")}
    places = {re.sub(r"\.\w+", "", line) for line in present if line.startswith("member ")}
    for line in recorded:
        if line.startswith("struct ") and sizes.get(line.split()[1], 0) > int(line.split()[2]):
            yield line
        elif re.match(r"member \w+\.reserved", line) and re.sub(r"\.\w+", "", line) in places:
            yield line


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--break"]
    if len(arguments) < 2 or arguments[0] not in ("check", "record", "stub"):
        sys.exit(__doc__)
    action, include, compiler = arguments[0], arguments[1], arguments[2:]
    interface = Interface(include)
    if action == "stub":
        print("\n".join(interface.stub()))
        return 0
    numbers = interface.measure(compiler)
    present = list(interface.lines(numbers))
    recorded = RECORD.read_text(encoding="utf-8").splitlines() if RECORD.exists() else []
    holding = set(present).union(grown(recorded, present))
    ended = [line for line in recorded if line not in holding]
    added = [line for line in present if line not in set(recorded)]
    padded = list(interface.padded(numbers))
    for line in padded:
        print(line)
    for line in ended:
        print(f"recorded, no longer true: {line}")
    if action == "record":
        if ended and "--break" not in sys.argv:
            print("hosts that were built before would break; --break records it all the same, and CHANGELOG.md has to say so")
            return 1
        RECORD.write_text("\n".join(present) + "\n", encoding="utf-8")
        LAYOUT.write_text("\n".join(interface.layout(numbers)) + "\n", encoding="utf-8")
        print(f"{len(present)} lines recorded, {len(added)} of them new")
        return 0
    for line in added:
        print(f"not recorded yet (./dev/run abi --record): {line}")
    print(f"{len(interface.functions)} functions, {len(interface.structs)} structs, {len(interface.constants)} constants")
    return 1 if ended or added or padded or not recorded else 0


if __name__ == "__main__":
    sys.exit(main())
