/* SPDX-License-Identifier: MIT */
/* Arguments of printf, checked by the compiler. MinGW's own printf is C's, not Windows' (__USE_MINGW_ANSI_STDIO), and its name for
 * the check is another one. */
#ifndef ATAU_FORMAT_H
#define ATAU_FORMAT_H

#ifdef __MINGW32__
#define ATAU_FORMAT(format_at, arguments_at) __attribute__((format(gnu_printf, format_at, arguments_at)))
#else
#define ATAU_FORMAT(format_at, arguments_at) __attribute__((format(printf, format_at, arguments_at)))
#endif

#endif
