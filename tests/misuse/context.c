/* SPDX-License-Identifier: MIT */
/* base.h and context.h */
#include "misuse.h"

static struct {
    const adaptau_context_options *options;
    adaptau_context              **out;
    STRUCT(adaptau_context_options, options);
    adaptau_context *made, *context;
} a;

#define OPTIONS a.options_struct.known

static void release(void)
{
    adaptau_context_destroy(a.made);
    a.made = NULL;
}

static void prepare_context_create(void)
{
    OPTIONS = (adaptau_context_options){.struct_size = sizeof OPTIONS, .n_threads = 2};
    a.options = &OPTIONS;
    a.out = &a.made;
}

static adaptau_status call_context_create(adaptau_error *error)
{
    return adaptau_context_create(a.options, a.out, error);
}

static const struct misuse create[] = {
    IS_NULL(out),
    BAD_STRUCT(options),
    {ADAPTAU_E_ARGUMENT, "options->n_threads = -1", {TO(OPTIONS.n_threads, -1)}},
    {ADAPTAU_E_ARGUMENT, "options->n_threads = 1025", {TO(OPTIONS.n_threads, 1025)}},
    {ADAPTAU_E_ARGUMENT, "options->backend = 4", {TO(OPTIONS.backend, 4)}},
    {ADAPTAU_E_ARGUMENT, "options->backend = -1", {TO(OPTIONS.backend, -1)}},
    {ADAPTAU_E_ARGUMENT, "options->bfloat16 = 2 is none of ADAPTAU_BFLOAT16_*", {TO(OPTIONS.bfloat16, 2)}},
    {ADAPTAU_E_ARGUMENT, "options->bfloat16 = -1 is none of", {TO(OPTIONS.bfloat16, -1)}},
    {ADAPTAU_E_ARGUMENT, "options->cpu_disable = 0x100000", {TO(OPTIONS.cpu_disable, UINT64_C(1) << 20)}},
    {ADAPTAU_E_ARGUMENT, "options->free is NULL", {TO(OPTIONS.allocate, host_allocate)}},
    {ADAPTAU_E_ARGUMENT, "options->allocate is NULL", {TO(OPTIONS.free, host_free)}},
    {ADAPTAU_E_UNSUPPORTED, "native", {TO(OPTIONS.backend, ADAPTAU_BACKEND_NATIVE), TO(OPTIONS.cpu_disable, 15)}},
};

static int32_t go_on(void *user_data, int32_t what, int64_t done, int64_t total)
{
    (void)user_data, (void)what, (void)done, (void)total;
    return 0;
}

static void prepare_context_set_progress(void)
{
    a.context = desk.context;
}

static adaptau_status call_context_set_progress(adaptau_error *error)
{
    return adaptau_context_set_progress(a.context, go_on, NULL, error);
}

static const struct misuse set_progress[] = {IS_NULL(context)};

static const struct subject subjects[] = {
    SUBJECT(context_create, create),
    SUBJECT(context_set_progress, set_progress),
};

/* ---- what cannot fail ------------------------------------------------------------------------------------------- */

static void call_status_name(void)
{
    ck_assert_str_eq(adaptau_status_name(-1), "E_UNKNOWN");
    ck_assert_str_eq(adaptau_status_name(INT32_MIN), "E_UNKNOWN");
    ck_assert_str_eq(adaptau_status_name(ADAPTAU_E_UNSUPPORTED + 1), "E_UNKNOWN");
}

static void call_version_string(void)
{
    ck_assert_str_eq(adaptau_version_string(), "1.0.0");
}

static void call_version(void)
{
    ck_assert_int_eq(adaptau_version(), ADAPTAU_VERSION_NUMBER);
}

static void call_features(void)
{
    ck_assert_uint_lt(adaptau_features(), 16);
}

static void call_build_info(void)
{
    ck_assert_ptr_nonnull(adaptau_build_info());
}

static void call_context_destroy(void)
{
    adaptau_context_destroy(NULL);
}

static void call_context_n_threads(void)
{
    ck_assert_int_eq(adaptau_context_n_threads(NULL), 0);
}

static void call_context_backend(void)
{
    ck_assert_str_eq(adaptau_context_backend(NULL), "");
}

static void call_context_uses_bfloat16(void)
{
    ck_assert_int_eq(adaptau_context_uses_bfloat16(NULL), 0);
}

static void call_context_memory(void)
{
    uint64_t present = 1, peak = 1;
    adaptau_context_memory(NULL, &present, &peak);
    ck_assert_uint_eq(present + peak, 0);
    adaptau_context_memory(NULL, NULL, NULL);
    adaptau_context_memory(desk.context, NULL, NULL);
}

static const struct harmless harmless[] = {
    HARMLESS(status_name),     HARMLESS(version), HARMLESS(version_string),         HARMLESS(features),        HARMLESS(build_info),
    HARMLESS(context_destroy), HARMLESS(context_n_threads), HARMLESS(context_backend), HARMLESS(context_memory),
    HARMLESS(context_uses_bfloat16),
};

MISUSE_FILE(context);
