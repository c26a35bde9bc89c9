#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every source file names its licence near the top."""
import pathlib
import sys

ENDINGS = {".c", ".h", ".hpp", ".cpp", ".py", ".sh", ".java", ".rs", ".go", ".js", ".mjs", ".mod", ".map", ".ini", ".in"}
NAMES = {"meson.build", "meson_options.txt", "run", "rules"}
FOLDERS = ("include", "lib", "examples", "tests", "docs", "debian", ".ci", ".")


def main():
    root = pathlib.Path(sys.argv[1])
    errors = []
    n_files = 0
    for folder in FOLDERS:
        for path in sorted((root / folder).glob("*") if folder == "." else (root / folder).rglob("*")):
            if not path.is_file() or path.suffix not in ENDINGS and path.name not in NAMES or "corpus" in path.parts:
                continue
            n_files += 1
            with path.open(encoding="utf-8", errors="replace") as file:
                if not any("SPDX-License-Identifier: MIT" in line for _, line in zip(range(4), file)):
                    errors.append(f"{path.relative_to(root)}: no 'SPDX-License-Identifier: MIT' in the first four lines")
    print("\n".join(errors) or f"{n_files} files")
    return 1 if errors or n_files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
