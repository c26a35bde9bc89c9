#!/bin/sh
# SPDX-License-Identifier: MIT
# compile_alone.sh HEADER LANGUAGE STANDARD INCLUDE_DIR COMPILER...: the header is all there is in a translation unit.
set -eu
header=$1 language=$2 standard=$3 include=$4
shift 4
"$@" -x "$language" "$standard" -Wall -Wextra -pedantic -Werror -fsyntax-only -I"$include" - <<EOF
#include "$header"
int adaptau_header_is_alone(void);
int adaptau_header_is_alone(void) { return 0; }
EOF
