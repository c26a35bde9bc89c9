/* SPDX-License-Identifier: MIT */
/* Making and destroying contexts: options, kernel choice, pool, and one trial of everything that could fail later. */
#include "common/context.h"

#include <string.h>

#include "common/abi.h"
#include "common/cpu.h"
#include "common/error.h"
#include "common/pool.h"
#include "common/size.h"
#include "kernels/blas.h"
#include "kernels/of_context.h"
#include "os/system.h"

#define MAX_THREADS 1024
#define KNOWN_CPU_BITS (ADAPTAU_CPU_AVX2 | ADAPTAU_CPU_AVX512 | ADAPTAU_CPU_AVX512_BF16 | \
                        ADAPTAU_CPU_AVX512_VNNI | ADAPTAU_CPU_NEON | ADAPTAU_CPU_NEON_BF16)

/* Like every other block: a whole number of cache lines. */
#define ALIGNMENT ((size_t)64)
#define WHOLE_SIZE ((sizeof(struct atau_context_with_kernels) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT)

static void *allocate_aligned(void *user_data, size_t size, size_t alignment)
{
    (void)user_data;
    return atau_allocate_aligned(alignment, atau_round_up(size, alignment));
}

static void free_aligned(void *user_data, void *block, size_t size)
{
    (void)user_data;
    (void)size;
    atau_free_aligned(block);
}

static int32_t default_threads(void)
{
    const int64_t n = atau_cpu_count();
    return n > MAX_THREADS ? MAX_THREADS : (int32_t)n;
}

static adaptau_status check_options(adaptau_context_options *options, adaptau_error *error)
{
    if (options->n_threads < 0 || options->n_threads > MAX_THREADS)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->n_threads = %d is outside 0 ... %d", options->n_threads,
                         MAX_THREADS);
    if (options->backend < ADAPTAU_BACKEND_AUTO || options->backend > ADAPTAU_BACKEND_NATIVE)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->backend = %d is unknown", options->backend);
    if (options->bfloat16 != ADAPTAU_BFLOAT16_IF_FASTER && options->bfloat16 != ADAPTAU_BFLOAT16_IF_POSSIBLE)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->bfloat16 = %d is none of ADAPTAU_BFLOAT16_*", options->bfloat16);
    if (options->cpu_disable & ~KNOWN_CPU_BITS)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->cpu_disable = 0x%llx has unknown bits",
                         (unsigned long long)options->cpu_disable);
    if (!options->allocate != !options->free)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->%s is NULL while options->%s is not",
                         options->allocate ? "free" : "allocate", options->allocate ? "allocate" : "free");
    if (!options->n_threads)
        options->n_threads = default_threads();
    if (!options->allocate) {
        options->allocate = allocate_aligned;
        options->free = free_aligned;
    }
    return ADAPTAU_OK;
}

static void try_product(void *argument, int32_t lane, int64_t task)
{
    const struct atau_kernels *kernels = argument;
    float                      a[32] = {1.0f}, b[32] = {1.0f}, c[1024];
    (void)lane;
    (void)task;
    kernels->product(32, 32, 1, a, 1, 1, b, 32, 0, c, 32);
}

/* Backends may set themselves up at the first product of each thread: have that happen, and fail, here. */
static adaptau_status try_products(adaptau_context *context, struct atau_kernels *kernels, adaptau_error *error)
{
    const int32_t  n = context->options.n_threads;
    adaptau_status status = ADAPTAU_OK;
    if (kernels->product == atau_blas_product)
        status = atau_blas_probe_memory(n, error);
    return status == ADAPTAU_OK ? atau_parallel(context, n, try_product, kernels, error) : status;
}

adaptau_status adaptau_context_create(const adaptau_context_options *given, adaptau_context **out, adaptau_error *error)
{
    adaptau_context_options options;
    char                    remark[160] = "";
    ATAU_REQUIRE(out, error);
    adaptau_status status = atau_read_struct(&options, sizeof options, sizeof options, given, true, "options", error);
    if (status == ADAPTAU_OK)
        status = check_options(&options, error);
    if (status != ADAPTAU_OK)
        return status;

    struct atau_context_with_kernels *whole = options.allocate(options.allocator_data, WHOLE_SIZE, ALIGNMENT);
    if (!whole)
        return atau_fail_memory(error, WHOLE_SIZE, "the context");
    memset(whole, 0, sizeof *whole);
    adaptau_context *context = &whole->context;
    context->options = options;
    context->bytes_present = context->bytes_peak = WHOLE_SIZE;

    status = atau_kernels_select(options.backend, atau_cpu_features() & ~options.cpu_disable, &whole->kernels,
                                 whole->backend, remark, error);
    if (status == ADAPTAU_OK && !options.executor && options.n_threads > 1)
        status = atau_pool_create(context, options.n_threads - 1, &context->pool, error);
    if (status == ADAPTAU_OK)
        status = try_products(context, &whole->kernels, error);
    if (status != ADAPTAU_OK) {
        adaptau_context_destroy(context);
        return status;
    }
    if (remark[0])
        atau_log(context, ADAPTAU_LOG_WARNING, "%s", remark);
    *out = context;
    return ADAPTAU_OK;
}

void adaptau_context_destroy(adaptau_context *context)
{
    if (!context)
        return;
    adaptau_context_options options = context->options;
    atau_pool_destroy(context, context->pool);
    options.free(options.allocator_data, context, WHOLE_SIZE);
}

adaptau_status adaptau_context_set_progress(adaptau_context *context, adaptau_progress_function function, void *user_data,
                                            adaptau_error *error)
{
    ATAU_REQUIRE(context, error);
    context->progress = function;
    context->progress_data = user_data;
    return ADAPTAU_OK;
}

int32_t adaptau_context_n_threads(const adaptau_context *context)
{
    return context ? context->options.n_threads : 0;
}

const char *adaptau_context_backend(const adaptau_context *context)
{
    return context ? ((const struct atau_context_with_kernels *)context)->backend : "";
}

int32_t adaptau_context_uses_bfloat16(adaptau_context *context)
{
    return context && atau_context_bf16(context) != NULL;
}

void adaptau_context_memory(const adaptau_context *context, uint64_t *present, uint64_t *peak)
{
    if (present)
        *present = context ? atomic_load(&context->bytes_present) : 0;
    if (peak)
        *peak = context ? atomic_load(&context->bytes_peak) : 0;
}
