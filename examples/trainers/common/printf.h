/* SPDX-License-Identifier: MIT */
/* Arguments of printf, checked by the compiler; MinGW's name for the printf of C is another one. */
#ifndef EXAMPLES_COMMON_PRINTF_H
#define EXAMPLES_COMMON_PRINTF_H

#ifdef __MINGW32__
#define PRINTF_LIKE(format_at, arguments_at) __attribute__((format(gnu_printf, format_at, arguments_at)))
#else
#define PRINTF_LIKE(format_at, arguments_at) __attribute__((format(printf, format_at, arguments_at)))
#endif

#endif
