/* SPDX-License-Identifier: MIT */
#include <adaptau/base.h>

#ifdef ADAPTAU_HAVE_BLIS
#define BLIS_TEXT "BLIS, "
#define BLIS_BIT ADAPTAU_FEATURE_BLIS
#else
#define BLIS_TEXT ""
#define BLIS_BIT 0
#endif
#ifdef ADAPTAU_HAVE_AVX2
#define NATIVE_TEXT "AVX2, AVX-512, "
#define NATIVE_BITS (ADAPTAU_FEATURE_AVX2 | ADAPTAU_FEATURE_AVX512)
#elif defined(ADAPTAU_HAVE_NEON)
#define NATIVE_TEXT "NEON, "
#define NATIVE_BITS ADAPTAU_FEATURE_NEON
#else
#define NATIVE_TEXT ""
#define NATIVE_BITS 0
#endif

int32_t adaptau_version(void)
{
    return ADAPTAU_VERSION_NUMBER;
}

const char *adaptau_version_string(void)
{
    return ADAPTAU_VERSION_STRING;
}

uint64_t adaptau_features(void)
{
    return BLIS_BIT | NATIVE_BITS;
}

const char *adaptau_build_info(void)
{
#if defined(__clang__)
    return "libadaptau " ADAPTAU_VERSION_STRING ", " BLIS_TEXT NATIVE_TEXT "plain C; clang " __clang_version__;
#else
    return "libadaptau " ADAPTAU_VERSION_STRING ", " BLIS_TEXT NATIVE_TEXT "plain C; gcc " __VERSION__;
#endif
}
