/* SPDX-License-Identifier: MIT */
/* Which kernels a backend and a CPU give, and that no entry of a table is missing. */
#include <check.h>
#include <string.h>

#include "../support/suite.h"
#include "levels.h"

static struct level levels[MAX_LEVELS];
static int          n_levels;

static adaptau_status choose(int32_t backend, uint64_t cpu, struct atau_kernels *table, char name[64],
                             adaptau_error *error)
{
    char remark[160] = "unset";
    memset(table, 0, sizeof *table);
    name[0] = '\0';
    adaptau_status status = atau_kernels_select(backend, cpu, table, name, remark, error);
    ck_assert_str_ne(status == ADAPTAU_OK ? remark : "", "unset");
    return status;
}

/* But bf16 and int8, which are not for every CPU. */
START_TEST(every_level_fills_every_entry)
{
    static const struct atau_kernels none;
    struct atau_kernels              table = levels[_i].kernels;
    const unsigned char             *bytes = (const unsigned char *)&table;
    table.bf16 = &atau_bf16_reference;
    table.int8 = &atau_int8_reference;
    for (size_t at = 0; at < sizeof none; at += sizeof(void (*)(void)))
        ck_assert_msg(memcmp(bytes + at, &none, sizeof(void (*)(void))) != 0, "%s: entry %d is missing", levels[_i].name,
                      (int)(at / sizeof(void (*)(void))));
}
END_TEST

START_TEST(reference_backend_is_plain_c_everywhere)
{
    struct atau_kernels table;
    char                name[64];
    ck_assert_int_eq(choose(ADAPTAU_BACKEND_REFERENCE, ~UINT64_C(0), &table, name, NULL), ADAPTAU_OK);
    ck_assert_str_eq(name, "reference");
    ck_assert(memcmp(&table, &atau_kernels_reference, sizeof table) == 0);
}
END_TEST

START_TEST(auto_takes_the_widest_allowed_native_kernels)
{
#if defined(ADAPTAU_HAVE_AVX2) && defined(ADAPTAU_HAVE_AVX512)
    struct atau_kernels table;
    char                name[64];
    ck_assert_int_eq(choose(ADAPTAU_BACKEND_AUTO, ADAPTAU_CPU_AVX2 | ADAPTAU_CPU_AVX512, &table, name, NULL), ADAPTAU_OK);
    ck_assert_str_eq(name, "native avx512");
    ck_assert_int_eq(choose(ADAPTAU_BACKEND_AUTO, ADAPTAU_CPU_AVX2, &table, name, NULL), ADAPTAU_OK);
    ck_assert_str_eq(name, "native avx2");
    ck_assert_int_eq(choose(ADAPTAU_BACKEND_NATIVE, ADAPTAU_CPU_AVX2, &table, name, NULL), ADAPTAU_OK);
    ck_assert_str_eq(name, "native avx2");
#endif
#ifdef ADAPTAU_HAVE_NEON
    struct atau_kernels table;
    char                name[64];
    for (int32_t backend = ADAPTAU_BACKEND_AUTO; backend <= ADAPTAU_BACKEND_NATIVE; backend += ADAPTAU_BACKEND_NATIVE) {
        ck_assert_int_eq(choose(backend, ADAPTAU_CPU_NEON, &table, name, NULL), ADAPTAU_OK);
        ck_assert_str_eq(name, "native neon");
        ck_assert(table.product == atau_kernels_neon.product && !table.bf16);
    }
#endif
}
END_TEST

START_TEST(auto_without_native_kernels_takes_blis_or_plain_c)
{
    struct atau_kernels table;
    char                name[64];
    ck_assert_int_eq(choose(ADAPTAU_BACKEND_AUTO, ADAPTAU_CPU_AVX512, &table, name, NULL), ADAPTAU_OK);
#ifdef ADAPTAU_HAVE_BLIS
    ck_assert(strncmp(name, "blis ", 5) == 0);
#else
    ck_assert_str_eq(name, "reference");
#endif
    ck_assert(table.dot == atau_kernels_reference.dot);
}
END_TEST

START_TEST(native_backend_without_avx2_and_neon_is_refused)
{
    struct atau_kernels table;
    char                name[64];
    adaptau_error       error;
    ck_assert_int_eq(choose(ADAPTAU_BACKEND_NATIVE, ADAPTAU_CPU_AVX512, &table, name, &error), ADAPTAU_E_UNSUPPORTED);
    ck_assert_int_eq(error.status, ADAPTAU_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(error.message, "native"));
    ck_assert(table.product == NULL);
}
END_TEST

START_TEST(blis_backend_keeps_the_other_entries_native)
{
    struct atau_kernels table;
    char                name[64];
    adaptau_error       error;
    uint64_t            cpu = atau_cpu_features();
    adaptau_status      status = choose(ADAPTAU_BACKEND_BLIS, cpu, &table, name, &error);
#ifdef ADAPTAU_HAVE_BLIS
    struct atau_kernels native;
    char                native_name[64];
    ck_assert_int_eq(status, ADAPTAU_OK);
    ck_assert(strncmp(name, "blis ", 5) == 0);
    if (choose(ADAPTAU_BACKEND_NATIVE, cpu, &native, native_name, NULL) == ADAPTAU_OK)
        ck_assert(table.exp_tile == native.exp_tile && table.dot == native.dot && table.product != native.product);
#else
    ck_assert_int_eq(status, ADAPTAU_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(error.message, "not built in"));
#endif
}
END_TEST

START_TEST(rejects_an_unknown_backend)
{
    static const int32_t bad[] = {-1, 4, 1 << 30};
    for (int i = 0; i < 3; i++) {
        struct atau_kernels table;
        char                name[64];
        adaptau_error       error;
        ck_assert_int_eq(choose(bad[i], ~UINT64_C(0), &table, name, &error), ADAPTAU_E_ARGUMENT);
        ck_assert(table.product == NULL);
    }
}
END_TEST

int main(void)
{
    n_levels = find_levels(levels);
    Suite *suite = suite_create("select");
    TCase *tests = tcase_create("select");
    tcase_add_loop_test(tests, every_level_fills_every_entry, 0, n_levels);
    tcase_add_test(tests, reference_backend_is_plain_c_everywhere);
    tcase_add_test(tests, auto_takes_the_widest_allowed_native_kernels);
    tcase_add_test(tests, auto_without_native_kernels_takes_blis_or_plain_c);
    tcase_add_test(tests, native_backend_without_avx2_and_neon_is_refused);
    tcase_add_test(tests, blis_backend_keeps_the_other_entries_native);
    tcase_add_test(tests, rejects_an_unknown_backend);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
