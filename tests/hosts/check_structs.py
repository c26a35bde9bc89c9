#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_structs.py ROOT: structs that hosts in other languages write down once more are those of tests/abi/interface.txt: the
same members in the same order and as wide. One may end where an older version of the struct ended. (C, C++ and Go read the
headers.)"""
import pathlib
import re
import sys

WIDTHS = {"int32_t": "4", "uint32_t": "4", "int64_t": "8", "uint64_t": "8", "float": "f4", "double": "f8",
          "_I32": "4", "_U32": "4", "_I64": "8", "_U64": "8", "c.c_float": "f4", "_F64": "f8", "_P": "p",
          "c.c_char_p": "p", "Option<FitFunction>": "p",
          "i32": "4", "u32": "4", "i64": "8", "u64": "8", "f32": "f4", "f64": "f8",
          "int": "4", "long": "8", "Pointer": "p"}


def width(kind):
    return "p" if "*" in kind or kind.endswith("_function") else WIDTHS[kind]


def snake(name):
    return "adaptau_" + re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def recorded(text):
    structs = {}
    for struct, name, kind in re.findall(r"^member (\w+)\.(\w+) at \d+ of \d+: (.*)$", text, re.M):
        structs.setdefault(struct, []).append((name, None if "[" in kind or kind == "adaptau_status" else width(kind)))
    return structs


def python(text):
    for name, fields in re.findall(r"class (?!_)(\w+)\((?:_Sized|_Filled|c\.Structure)\):(?:(?!\nclass ).)*?_fields_ = \[(.*?)\]\n",
                                   text, re.S):
        yield snake(name), [(member, width(kind)) for member, kind in re.findall(r'\("(\w+)", ([\w.]+)\)', fields)]


def node(text):
    for name, fields in re.findall(r"^  (adaptau_\w+): \{(.*?)\},\n", text, re.M | re.S):
        yield name, [(member, width(kind)) for member, kind in re.findall(r"(\w+): '([^']+)'", fields)]


def rust(text):
    headers = text[:text.index('extern "C" {')]
    for name, fields in re.findall(r"pub struct (?!Error )(\w+) \{\s*(pub .*?)\}", headers, re.S):
        yield snake(name), [(member, width(kind)) for member, kind in re.findall(r"pub (\w+): ([^,]+),", fields)]


def java(text):
    for order, name, body in re.findall(r"@FieldOrder\(\{([^}]*)\}\)\s+public static class (?!Error)(\w+) extends \w+ "
                                        r"\{(.*?)\n    \}", text, re.S):
        kinds = {"struct_size": "4"}
        for kind, names in re.findall(r"public (\w+) ([\w,\s]+);", body):
            kinds.update((member, width(kind)) for member in re.findall(r"\w+", names))
        yield snake(name), [(member, kinds[member]) for member in re.findall(r'"(\w+)"', order)]


def main():
    root = pathlib.Path(sys.argv[1])
    truth = recorded((root / "tests/abi/interface.txt").read_text(encoding="utf-8"))
    hosts = {"python/adaptau/_library.py": python, "node/lib/library.js": node, "rust/adaptau.rs": rust, "java/Adaptau.java": java}
    n_wrong = 0
    for path, parse in hosts.items():
        structs = list(parse((root / "examples/hosts" / path).read_text(encoding="utf-8")))
        wrong = [name for name, members in structs if not members or members != truth.get(name, [])[:len(members)]]
        print(f"{path}: {len(structs)} structs{''.join(', wrong: ' + name for name in wrong)}")
        n_wrong += len(wrong) + (len(structs) < 7)
    return n_wrong != 0


if __name__ == "__main__":
    sys.exit(main())
