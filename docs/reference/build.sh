#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh FOLDER: the reference as HTML in FOLDER/html. Fails when a public name has no comment, a comment is wrong, or a
# snippet of an example is not there.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
rm -rf "$out/html"
cd "$root"
version=$(sed -n "s/^  version: '\(.*\)',$/\1/p" meson.build)
{
    cat docs/reference/Doxyfile
    printf 'OUTPUT_DIRECTORY = "%s"\nPROJECT_NUMBER = "%s"\n' "$out" "$version"
    # Pages say nothing of where they were made.
    printf 'STRIP_FROM_PATH = "%s/include" "%s"\nSTRIP_FROM_INC_PATH = "%s/include"\n' "$root" "$root" "$root"
} | doxygen -
# Doxygen brings these along whether or not a page uses them; the header above uses none.
rm -f "$out/html/jquery.js" "$out/html/dynsections.js"
! grep -rlE '<script[^>]* src=' "$out/html"
