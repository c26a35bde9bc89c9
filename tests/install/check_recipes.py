#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_recipes.py SOURCE: every recipe of packaging/ has the version of meson.build, every folder there has its page, and what a
language can tell of a recipe without its package manager it is asked."""
import ast
import json
import pathlib
import re
import shutil
import subprocess
import sys

# Where a recipe has the version, each time that it comes.
VERSIONS = {
    "vcpkg/vcpkg.json": r'"version": "([^"]+)"',
    "conan/conanfile.py": r'^    version = "([^"]+)"',
    "conan/conandata.yml": r'^  "([^"]+)":|libadaptau-([0-9.]+)\.tar',
    "homebrew/libadaptau.rb": r"libadaptau-([0-9.]+)\.tar",
    "nix/default.nix": r'version = "([^"]+)"|libadaptau-([0-9.]+)\.tar',
    "alpine/APKBUILD": r"^pkgver=(.+)$",
}
LANGUAGES = {"homebrew/libadaptau.rb": ["ruby", "-c"], "nix/default.nix": ["nix-instantiate", "--parse"], "alpine/APKBUILD": ["sh", "-n"]}


def main():
    root = pathlib.Path(sys.argv[1])
    packaging = root / "packaging"
    wanted = re.search(r"^  version: '([^']+)'", (root / "meson.build").read_text(encoding="utf-8"), re.M).group(1)
    faults = []
    for name, pattern in VERSIONS.items():
        found = [one or other for one, other in
                 ((m + ("",))[:2] if isinstance(m, tuple) else (m, "") for m in
                  re.findall(pattern, (packaging / name).read_text(encoding="utf-8"), re.M))]
        if not found or set(found) != {wanted}:
            faults.append(f"{name}: version {', '.join(found) or 'nowhere'}, and meson.build has {wanted}")
    ast.parse((packaging / "conan/conanfile.py").read_text(encoding="utf-8"))
    json.loads((packaging / "vcpkg/vcpkg.json").read_text(encoding="utf-8"))
    for name, command in LANGUAGES.items():
        if not shutil.which(command[0]):
            print(f"skipped: {name}, without {command[0]}")
        elif subprocess.run(command + [packaging / name], stdout=subprocess.DEVNULL).returncode != 0:
            faults.append(f"{name}: {' '.join(command)} refuses it")
    for folder in sorted(p for p in packaging.iterdir() if p.is_dir()):
        if not (packaging / (folder.name + ".md")).exists():
            faults.append(f"packaging/{folder.name} has no page {folder.name}.md")
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
