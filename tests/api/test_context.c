/* SPDX-License-Identifier: MIT */
/* The context: options, threads, the host's executor and allocator, fork. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/host.h"
#include "../support/suite.h"

/* ---- something to compute ------------------------------------------------------------------------------------------ */

#define USERS 40
#define ITEMS 3000
#define DIM 16

static float user_table[USERS * DIM], item_table[ITEMS * DIM];

static void fill_tables(void)
{
    uint32_t state = 12345;
    for (int i = 0; i < USERS * DIM + ITEMS * DIM; i++) {
        state = state * 1664525u + 1013904223u;
        float value = (float)(state >> 8) / 8388608.0f - 1.0f;
        *(i < USERS * DIM ? &user_table[i] : &item_table[i - USERS * DIM]) = value;
    }
}

static adaptau_status compute(adaptau_context *context, float *item_gradients, double *loss)
{
    int64_t ptr[USERS + 1];
    int32_t positives[USERS * 2];
    for (int u = 0; u <= USERS; u++)
        ptr[u] = 2 * u;
    for (int u = 0; u < USERS; u++) {
        positives[2 * u] = u;
        positives[2 * u + 1] = 1000 + u;
    }
    adaptau_tables tables = {.struct_size = sizeof tables,
                             .flags = ADAPTAU_NORMALISE_BOTH,
                             .n_users = USERS,
                             .n_items = ITEMS,
                             .dim = DIM,
                             .users = user_table,
                             .items = item_table};
    adaptau_batch  batch = {
         .struct_size = sizeof batch, .n_rows = USERS, .positive_ptr = ptr, .positives = positives};
    adaptau_row_temperatures temperatures = {.struct_size = sizeof temperatures, .tau = 0.1f};
    adaptau_loss_output   output = {.struct_size = sizeof output, .item_gradients = item_gradients};
    adaptau_status           status = adaptau_softmax(context, &tables, &batch, &temperatures, &output, NULL);
    *loss = output.loss;
    return status;
}

static float  expected_gradients[ITEMS * DIM];
static double expected_loss;

static int is_the_same(adaptau_context *context)
{
    float *gradients = calloc(ITEMS * DIM, sizeof(float));
    double loss = 0.0;
    int    same = gradients && compute(context, gradients, &loss) == ADAPTAU_OK && loss == expected_loss &&
               memcmp(gradients, expected_gradients, ITEMS * DIM * sizeof(float)) == 0;
    free(gradients);
    return same;
}

static void expect_the_same(adaptau_context *context)
{
    ck_assert(is_the_same(context));
}

static adaptau_context *make(adaptau_context_options options)
{
    adaptau_context *context = NULL;
    adaptau_error    error = {0};
    options.struct_size = sizeof options;
    ck_assert_msg(adaptau_context_create(&options, &context, &error) == ADAPTAU_OK, "%s", error.message);
    return context;
}

static void setup(void)
{
    fill_tables();
    adaptau_context *context = make((adaptau_context_options){.n_threads = 1});
    ck_assert_int_eq(compute(context, expected_gradients, &expected_loss), ADAPTAU_OK);
    adaptau_context_destroy(context);
}

/* ---- threads ------------------------------------------------------------------------------------------------------- */

START_TEST(defaults_make_a_context)
{
    adaptau_context *context = NULL;
    ck_assert_int_eq(adaptau_context_create(NULL, &context, NULL), ADAPTAU_OK);
    ck_assert_int_ge(adaptau_context_n_threads(context), 1);
    ck_assert(strlen(adaptau_context_backend(context)) > 0);
    expect_the_same(context);
    adaptau_context_destroy(context);
}
END_TEST

START_TEST(any_number_of_threads_gives_the_same)
{
    const int32_t counts[] = {1, 2, 3, 4, 7, 33};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        adaptau_context *context = make((adaptau_context_options){.n_threads = counts[i]});
        ck_assert_int_eq(adaptau_context_n_threads(context), counts[i]);
        for (int again = 0; again < 5; again++)
            expect_the_same(context);
        adaptau_context_destroy(context);
    }
}
END_TEST

static int32_t run_backwards(void *user_data, int32_t n, adaptau_lane_function lane, void *argument)
{
    for (int32_t i = n - 1; i >= 0; i--)
        lane(argument, i);
    ++*(int *)user_data;
    return 0;
}

static int32_t refuse(void *user_data, int32_t n, adaptau_lane_function lane, void *argument)
{
    (void)user_data;
    (void)n;
    (void)lane;
    (void)argument;
    return 17;
}

static int32_t do_nothing(void *user_data, int32_t n, adaptau_lane_function lane, void *argument)
{
    (void)refuse(user_data, n, lane, argument);
    return 0;
}

START_TEST(host_executor_runs_the_lanes)
{
    int              calls = 0;
    adaptau_context *context =
        make((adaptau_context_options){.n_threads = 4, .executor = run_backwards, .executor_data = &calls});
    expect_the_same(context);
    ck_assert_int_gt(calls, 0);
    adaptau_context_destroy(context);
}
END_TEST

/* The trial product at creation already goes through the executor. */
START_TEST(failing_executor_is_an_error)
{
    adaptau_executor_function bad[] = {refuse, do_nothing};
    for (int i = 0; i < 2; i++) {
        adaptau_context_options options = {.struct_size = sizeof options, .n_threads = 4, .executor = bad[i]};
        adaptau_context        *context = NULL;
        adaptau_error           error = {0};
        ck_assert_int_eq(adaptau_context_create(&options, &context, &error), ADAPTAU_E_CALLBACK);
        ck_assert_ptr_nonnull(strstr(error.message, "executor"));
        ck_assert_ptr_null(context);
    }
}
END_TEST

static void *use_shared_context(void *argument)
{
    int same = 1; /* Check's assertions are for its own thread                                                */
    for (int i = 0; i < 10; i++)
        same &= is_the_same(argument);
    return same ? argument : NULL;
}

START_TEST(two_host_threads_share_a_context)
{
    adaptau_context *context = make((adaptau_context_options){.n_threads = 3});
    pthread_t        threads[3];
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, use_shared_context, context), 0);
    for (int i = 0; i < 3; i++) {
        void *outcome = NULL;
        pthread_join(threads[i], &outcome);
        ck_assert_ptr_nonnull(outcome);
    }
    adaptau_context_destroy(context);
}
END_TEST

START_TEST(a_forked_child_uses_and_destroys_the_context)
{
    adaptau_context *context = make((adaptau_context_options){.n_threads = 3});
    expect_the_same(context);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        int ok = is_the_same(context);
        adaptau_context_destroy(context);
        _exit(ok ? 0 : 1);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    expect_the_same(context);
    adaptau_context_destroy(context);
}
END_TEST

/* ---- memory --------------------------------------------------------------------------------------------------------- */

START_TEST(host_allocator_gets_everything_back)
{
    struct host      host;
    adaptau_context *context = open_host(&host, 2, false);
    expect_the_same(context);
    uint64_t present = 0, peak = 0;
    adaptau_context_memory(context, &present, &peak);
    ck_assert_uint_gt(peak, present);
    ck_assert_int_gt(host.allocations, 2);
    adaptau_context_destroy(context);
    ck_assert_int_eq(host.bytes, 0);
}
END_TEST

/* The context's own block is among the bytes, with and without a pool. */
START_TEST(memory_is_what_the_allocator_gave)
{
    for (int32_t n_threads = 1; n_threads <= 3; n_threads += 2) {
        struct host      host;
        adaptau_context *context = open_host(&host, n_threads, false);
        uint64_t         present = 0, peak = 0;
        adaptau_context_memory(context, &present, &peak);
        ck_assert_int_gt(host.bytes, 0);
        ck_assert_uint_eq(present, (uint64_t)host.bytes);
        ck_assert_uint_eq(peak, present);
        expect_the_same(context);
        adaptau_context_memory(context, &present, &peak);
        ck_assert_uint_eq(present, (uint64_t)host.bytes);
        adaptau_context_destroy(context);
        ck_assert_int_eq(host.bytes, 0);
    }
}
END_TEST

START_TEST(every_failed_allocation_is_an_error_and_leaks_nothing)
{
    static float gradients[ITEMS * DIM];
    int          outcomes[2] = {0};
    for (int64_t n = 0; n < 100; n++) {
        struct host             host = new_host();
        adaptau_context_options options = host_options(&host, 2, false);
        adaptau_context        *context = NULL;
        double                  loss;
        host.allocations_left = n;
        adaptau_status status = adaptau_context_create(&options, &context, NULL);
        if (status == ADAPTAU_OK) {
            status = compute(context, gradients, &loss);
            if (status == ADAPTAU_E_MEMORY) { /* and the context still works                                   */
                host.allocations_left = INT64_MAX;
                expect_the_same(context);
            }
        }
        ck_assert(status == ADAPTAU_OK || status == ADAPTAU_E_MEMORY);
        adaptau_context_destroy(context);
        ck_assert_int_eq(host.bytes, 0);
        outcomes[status == ADAPTAU_OK]++;
        if (status == ADAPTAU_OK)
            break;
    }
    ck_assert_int_gt(outcomes[0], 2);
    ck_assert_int_eq(outcomes[1], 1);
}
END_TEST

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

/* Leave 4 MiB that malloc can give; false where a sanitizer needs the address space itself. The process grows no more, and what
 * it has is taken: blocks that are in use, and those that malloc keeps from earlier tests. */
static bool take_memory(void)
{
#ifdef SANITIZED
    return false;
#else
    enum { BLOCK = 1 << 16, KEPT = 64 };
    const rlim_t now = 1;
    void        *last[KEPT] = {NULL}, *block;
    if (setrlimit(RLIMIT_AS, &(struct rlimit){now, now}) != 0)
        return false;
    for (int i = 0; (block = malloc(BLOCK)) != NULL; i++)
        last[i % KEPT] = block;
    for (int i = 0; i < KEPT; i++)
        free(last[i]);
    return true;
#endif
}

/* BLIS aborts where it cannot have its packing buffers (17 MB for each product that runs): the library asks first. */
static int create_with_blis_in_little_memory(void)
{
    adaptau_context_options options = {.struct_size = sizeof options, .backend = ADAPTAU_BACKEND_BLIS, .n_threads = 1};
    adaptau_context        *context = NULL;
    if (!take_memory())
        return 1;
    adaptau_status status = adaptau_context_create(&options, &context, NULL);
    if (status != ADAPTAU_OK)
        return status == ADAPTAU_E_MEMORY && !context;
    return strncmp(adaptau_context_backend(context), "blis", 4) != 0; /* another version of BLIS is not used           */
}

START_TEST(blis_without_memory_is_an_error_and_no_abort)
{
    if (!(adaptau_features() & ADAPTAU_FEATURE_BLIS))
        return;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(create_with_blis_in_little_memory() ? 0 : 1);
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status 0x%x", (unsigned)status);
}
END_TEST

/* ---- choices --------------------------------------------------------------------------------------------------------- */

START_TEST(cpu_levels_can_be_switched_off)
{
    adaptau_context *context =
        make((adaptau_context_options){.cpu_disable = ADAPTAU_CPU_AVX512 | ADAPTAU_CPU_AVX2, .n_threads = 1});
    ck_assert_ptr_null(strstr(adaptau_context_backend(context), "native"));
    adaptau_context_destroy(context);
    context = make((adaptau_context_options){.backend = ADAPTAU_BACKEND_REFERENCE, .n_threads = 1});
    ck_assert_str_eq(adaptau_context_backend(context), "reference");
    adaptau_context_destroy(context);
}
END_TEST

START_TEST(version_and_names_are_readable)
{
    ck_assert_int_eq(adaptau_version(), ADAPTAU_VERSION_NUMBER);
    ck_assert_str_eq(adaptau_status_name(ADAPTAU_OK), "OK");
    ck_assert_str_eq(adaptau_status_name(ADAPTAU_E_THREAD), "E_THREAD");
    ck_assert_str_eq(adaptau_status_name(ADAPTAU_E_CANCELLED), "E_CANCELLED");
    ck_assert_str_eq(adaptau_status_name(ADAPTAU_E_CALLBACK), "E_CALLBACK");
    ck_assert_str_eq(adaptau_status_name(ADAPTAU_E_UNSUPPORTED), "E_UNSUPPORTED");
    ck_assert_str_eq(adaptau_status_name(12345), "E_UNKNOWN");
    ck_assert_ptr_nonnull(strstr(adaptau_build_info(), "libadaptau 1.0.0"));
    ck_assert_uint_eq(sizeof(adaptau_error), 256);
    (void)adaptau_features();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("context");
    TCase *all = tcase_create("context");
    tcase_add_unchecked_fixture(all, setup, NULL);
    tcase_set_timeout(all, 120);
    tcase_add_test(all, defaults_make_a_context);
    tcase_add_test(all, any_number_of_threads_gives_the_same);
    tcase_add_test(all, host_executor_runs_the_lanes);
    tcase_add_test(all, failing_executor_is_an_error);
    tcase_add_test(all, two_host_threads_share_a_context);
    tcase_add_test(all, a_forked_child_uses_and_destroys_the_context);
    tcase_add_test(all, host_allocator_gets_everything_back);
    tcase_add_test(all, memory_is_what_the_allocator_gave);
    tcase_add_test(all, every_failed_allocation_is_an_error_and_leaks_nothing);
    tcase_add_test(all, blis_without_memory_is_an_error_and_no_abort);
    tcase_add_test(all, cpu_levels_can_be_switched_off);
    tcase_add_test(all, version_and_names_are_readable);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
