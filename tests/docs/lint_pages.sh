#!/bin/sh
# SPDX-License-Identifier: MIT
# lint_pages.sh PAGE...: mandoc and groff find nothing wrong. The pages have no date, so that they are the same whenever they are
# made; of mandoc's remarks that one is expected. 77, a skip, where neither is installed.
set -u
checked=
bad=0
if command -v mandoc >/dev/null 2>&1; then
    checked="mandoc"
    mandoc -Tlint -Wwarning "$@" | grep -v 'missing date, using "": TH' && bad=1
else
    echo "skipped: mandoc (Debian: mandoc)"
fi
if command -v man >/dev/null 2>&1 && command -v groff >/dev/null 2>&1; then
    checked="$checked groff"
    for page in "$@"; do
        said=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
        [ -z "$said" ] || {
            echo "$page: $said"
            bad=1
        }
    done
else
    echo "skipped: groff (Debian: man-db, groff-base)"
fi
[ -n "$checked" ] || exit 77
echo "$# pages by $checked"
exit "$bad"
