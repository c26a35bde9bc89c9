/* SPDX-License-Identifier: MIT */
/* A host that multiplies by a BLAS of its own, OpenBLAS or BLIS, before, between and after what the library does, and on
 * another thread meanwhile. Prints a fingerprint of what the library computed, which must be that of a program without any such
 * neighbour (compiled without -DBLAS); fails where the BLAS is wrong. check_beside_blas.sh compares the lines that begin with
 * "bits". */
#include <adaptau/adaptau.h>

#include <dlfcn.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../support/options.h"

enum { USERS = 300, ITEMS = 500, DIM = 48, PER_USER = 9, EPOCHS = 2 };

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static void check(adaptau_status status, const adaptau_error *error)
{
    if (status != ADAPTAU_OK)
        fail(adaptau_status_name(status), error->message);
}

/* ---- the neighbour ----------------------------------------------------------------------------------------------- */

#ifdef BLAS

/* As all of them define it; their headers lie in different places. */
enum { ROW_MAJOR = 101, AS_IT_IS = 111, TRANSPOSED = 112 };
void cblas_sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda, const float *b,
                 int ldb, float beta, float *c, int ldc);
typedef void sgemm_function(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);

enum { M = 90, N = 100, K = 110 };

/* C = A Bᵀ/2 + C against the same in double. */
static void multiply(sgemm_function *sgemm)
{
    static _Thread_local float a[M * K], b[N * K], c[M * N];
    for (int i = 0; i < M * K; i++)
        a[i] = (float)(i % 17 - 8) / 8;
    for (int i = 0; i < N * K; i++)
        b[i] = (float)(i % 23 - 11) / 16;
    for (int i = 0; i < M * N; i++)
        c[i] = (float)(i % 5);
    sgemm(ROW_MAJOR, AS_IT_IS, TRANSPOSED, M, N, K, 0.5f, a, K, b, K, 1.0f, c, N);
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            double sum = (i * N + j) % 5;
            for (int p = 0; p < K; p++)
                sum += 0.5 * (double)a[i * K + p] * (double)b[j * K + p];
            if (!(fabs(sum - (double)c[i * N + j]) < 1e-4))
                fail("cblas_sgemm", "a wrong product");
        }
}

/* The one that the host is linked with, and OpenBLAS's where it is not the same: of two libraries that have the name, the first
 * in the order of linking gets it. */
static sgemm_function *linked = cblas_sgemm, *openblas;

static void call_neighbour(void)
{
    multiply(linked);
    if (openblas)
        multiply(openblas);
}

static void find_neighbours(void)
{
    Dl_info whose;
    void   *handle = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_NOLOAD);
    if (handle)
        *(void **)&openblas = dlsym(handle, "cblas_sgemm");
    if (dladdr(*(void **)&linked, &whose))
        printf("cblas_sgemm of %s%s\n", whose.dli_fname, openblas && openblas != linked ? ", and OpenBLAS's" : "");
}

static atomic_int busy = 1;

static void *call_meanwhile(void *unused)
{
    while (atomic_load(&busy)) {
        call_neighbour();
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL); /* leave something of the cores to the others     */
    }
    return unused;
}

#else

static void call_neighbour(void) {}
static void find_neighbours(void) {}

#endif

/* ---- what the library computes ----------------------------------------------------------------------------------- */

static void train(adaptau_context *context, float *rows)
{
    static int32_t          users[USERS * PER_USER], items[USERS * PER_USER];
    adaptau_error           error;
    adaptau_dataset        *data = NULL;
    adaptau_model          *model = NULL;
    adaptau_temperature    *temperature = NULL;
    adaptau_sampler        *sampler = NULL;
    adaptau_batch           batch = {.struct_size = sizeof batch};
    adaptau_model_options   tables = full_model_options((adaptau_model_options){.dim = DIM, .seed = 1,
                                                                                .init = ADAPTAU_INIT_SPECTRAL});
    adaptau_sampler_options batches = full_sampler_options((adaptau_sampler_options){.rows_per_batch = 64});
    tables.host_users = rows;
    tables.host_items = rows + USERS * DIM;
    for (int32_t p = 0; p < USERS * PER_USER; p++) {
        users[p] = p / PER_USER;
        items[p] = (p * 37 + p / 11) % ITEMS;
    }
    check(adaptau_dataset_create_from_interactions(context, USERS, ITEMS, USERS * PER_USER, users, items, NULL, &data, &error), &error);
    check(adaptau_model_create(context, data, &tables, &model, &error), &error);
    check(adaptau_temperature_create(context, data, NULL, &temperature, &error), &error);
    check(adaptau_sampler_create(context, data, &batches, &sampler, &error), &error);
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        check(adaptau_model_update_temperature(model, temperature, &error), &error);
        check(adaptau_sampler_begin_epoch(sampler, epoch, &error), &error);
        for (;;) {
            check(adaptau_sampler_next(sampler, &batch, &error), &error);
            if (batch.n_rows == 0)
                break;
            check(adaptau_model_gradients(model, &batch, temperature, NULL, &error), &error);
            call_neighbour();
            check(adaptau_model_apply(model, &error), &error);
        }
    }
    adaptau_sampler_destroy(sampler);
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(data);
}

static void print_bits(const char *backend, const float *rows)
{
    uint64_t fingerprint = UINT64_C(0xcbf29ce484222325);
    for (int i = 0; i < (USERS + ITEMS) * DIM; i++) {
        uint32_t bits;
        memcpy(&bits, &rows[i], sizeof bits);
        fingerprint = (fingerprint ^ bits) * UINT64_C(0x100000001b3);
    }
    printf("bits %016" PRIx64 " %s\n", fingerprint, backend);
}

/* One backend, if there is any, beginning to end. */
static void run(int32_t backend)
{
    static float            rows[(USERS + ITEMS) * DIM];
    adaptau_error           error;
    adaptau_context        *context = NULL;
    adaptau_context_options options = {.struct_size = sizeof options, .n_threads = 2, .backend = backend};
    adaptau_status          status = adaptau_context_create(&options, &context, &error);
    if (status == ADAPTAU_E_STATE) {
        printf("bits none: %s\n", error.message);
        return;
    }
    check(status, &error);
    train(context, rows);
    print_bits(adaptau_context_backend(context), rows);
    call_neighbour();
    adaptau_context_destroy(context);
    call_neighbour();
}

int main(void)
{
    find_neighbours();
    call_neighbour();
#ifdef BLAS
    pthread_t thread;
    if (pthread_create(&thread, NULL, call_meanwhile, NULL))
        fail("pthread_create", "no thread");
#endif
    run(ADAPTAU_BACKEND_AUTO);
    run(ADAPTAU_BACKEND_BLIS);
#ifdef BLAS
    atomic_store(&busy, 0);
    pthread_join(thread, NULL);
#endif
    call_neighbour();
    return 0;
}
