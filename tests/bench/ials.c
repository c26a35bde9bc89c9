/* SPDX-License-Identifier: MIT */
/* Implicit alternating least squares (Hu, Koren, Volinsky 2008, with the regularisation of Rendle et al. 2022), exact, by Cholesky: the
 * peer of curves.py, written to be as fast as it can be on this CPU. It is not a part of the library.
 *
 *     min Σ_{(u,i) in D} (1 − p_u·q_i)² + α₀ Σ_{u,i} (p_u·q_i)² + λ Σ_u (|D_u| + α₀ m) ‖p_u‖² + λ Σ_i (|D_i| + α₀ n) ‖q_i‖²
 *
 * A sweep solves (α₀ QᵀQ + Σ_{i in D_u} q_i q_iᵀ + λ_u I) p_u = Σ_{i in D_u} q_i for all users, and then likewise for all items.
 *
 * Usage: ials TRAIN N_USERS N_ITEMS ALPHA0 LAMBDA SWEEPS SEED OUT
 * TRAIN has a line "user item item ..." for each user. After each sweep a line with the seconds of all sweeps so far goes to standard
 * output, tables go to OUT.users and OUT.items as float32, and a line is awaited on standard input. Threads: OMP_NUM_THREADS. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DIM 64
#define ROWS 4 /* of a block of the normal matrix, whose sums are registers                                   */

struct side {
    int64_t  n;
    int64_t *ptr;
    int32_t *ids;
    float   *rows; /* [n x DIM]                                                                               */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *allocate(int64_t n, size_t size)
{
    void *block = aligned_alloc(64, ((size_t)n * size + 127) / 64 * 64);
    if (!block) {
        fputs("ials: no memory\n", stderr);
        exit(1);
    }
    return memset(block, 0, (size_t)n * size);
}

/* ---- one row ------------------------------------------------------------------------------------------------------ */

/* A += XᵀX on and right of the diagonal block; X [k x DIM]. */
static void add_products(int64_t k, const float *x, float *a)
{
    for (int i = 0; i < DIM; i += ROWS) {
        float     sum[ROWS][DIM] = {{0}};
        const int first = i / 16 * 16;
        for (int64_t p = 0; p < k; p++)
            for (int r = 0; r < ROWS; r++)
                for (int j = first; j < DIM; j++)
                    sum[r][j] += x[p * DIM + i + r] * x[p * DIM + j];
        for (int r = 0; r < ROWS; r++)
            for (int j = first; j < DIM; j++)
                a[(i + r) * DIM + j] += sum[r][j];
    }
}

/* A = RᵀR in place, R right of and on the diagonal; then RᵀR x = b in place. Right-looking: a row's multiples leave those below. */
static void solve(float *a, float *b)
{
    for (int k = 0; k < DIM; k++) {
        const float inverse = 1 / sqrtf(a[k * DIM + k]);
        for (int j = k; j < DIM; j++)
            a[k * DIM + j] *= inverse;
        for (int i = k + 1; i < DIM; i++) {
            const float f = a[k * DIM + i];
            for (int j = i / 16 * 16; j < DIM; j++)
                a[i * DIM + j] -= f * a[k * DIM + j];
        }
    }
    for (int k = 0; k < DIM; k++) {
        b[k] /= a[k * DIM + k];
        for (int j = k + 1; j < DIM; j++)
            b[j] -= b[k] * a[k * DIM + j];
    }
    for (int k = DIM - 1; k >= 0; k--) {
        float sum = b[k];
        for (int j = k + 1; j < DIM; j++)
            sum -= a[k * DIM + j] * b[j];
        b[k] = sum / a[k * DIM + k];
    }
}

/* ---- half a sweep ------------------------------------------------------------------------------------------------- */

static void form_gram(const struct side *side, float alpha0, float *gram)
{
    memset(gram, 0, DIM * DIM * sizeof *gram);
#pragma omp parallel
    {
        float own[DIM * DIM] = {0};
#pragma omp for schedule(static)
        for (int64_t r = 0; r < side->n; r += 256)
            add_products(side->n - r < 256 ? side->n - r : 256, side->rows + r * DIM, own);
#pragma omp critical
        for (int i = 0; i < DIM * DIM; i++)
            gram[i] += alpha0 * own[i];
    }
}

static void solve_side(struct side *side, const struct side *other, float alpha0, float lambda)
{
    float   gram[DIM * DIM];
    int64_t longest = 0;
    form_gram(other, alpha0, gram);
    for (int64_t r = 0; r < side->n; r++)
        longest = side->ptr[r + 1] - side->ptr[r] > longest ? side->ptr[r + 1] - side->ptr[r] : longest;
#pragma omp parallel
    {
        float *x = allocate(longest * DIM, sizeof *x), a[DIM * DIM], b[DIM];
#pragma omp for schedule(dynamic, 64)
        for (int64_t r = 0; r < side->n; r++) {
            const int64_t first = side->ptr[r], k = side->ptr[r + 1] - first;
            memcpy(a, gram, sizeof a);
            memset(b, 0, sizeof b);
            for (int64_t p = 0; p < k; p++) {
                const float *row = other->rows + (int64_t)side->ids[first + p] * DIM;
                for (int j = 0; j < DIM; j++) {
                    x[p * DIM + j] = row[j];
                    b[j] += row[j];
                }
            }
            add_products(k, x, a);
            for (int j = 0; j < DIM; j++)
                a[j * DIM + j] += lambda * ((float)k + alpha0 * (float)other->n);
            solve(a, b);
            memcpy(side->rows + r * DIM, b, sizeof b);
        }
        free(x);
    }
}

/* ---- the data ------------------------------------------------------------------------------------------------------ */

static void read_users(const char *path, struct side *users, int64_t n_items)
{
    FILE   *file = fopen(path, "r");
    int64_t n = 0, room = 0, user = -1;
    int     last = '\n';
    if (!file) {
        perror(path);
        exit(1);
    }
    /* Lines are in the order of users, some of whom may be missing. */
    for (long value; fscanf(file, "%ld", &value) == 1; last = fgetc(file)) {
        if (last == '\n')
            for (; user < value;)
                users->ptr[++user] = n;
        else if (value >= 0 && value < n_items) {
            if (n == room) {
                room = 2 * room + 1024;
                users->ids = realloc(users->ids, (size_t)room * sizeof *users->ids);
            }
            users->ids[n++] = (int32_t)value;
        }
    }
    fclose(file);
    while (user < users->n)
        users->ptr[++user] = n;
}

static void turn(const struct side *users, struct side *items)
{
    items->ids = allocate(users->ptr[users->n], sizeof *items->ids);
    for (int64_t p = 0; p < users->ptr[users->n]; p++)
        items->ptr[users->ids[p] + 1]++;
    for (int64_t i = 0; i < items->n; i++)
        items->ptr[i + 1] += items->ptr[i];
    int64_t *next = allocate(items->n, sizeof *next);
    memcpy(next, items->ptr, (size_t)items->n * sizeof *next);
    for (int64_t u = 0; u < users->n; u++)
        for (int64_t p = users->ptr[u]; p < users->ptr[u + 1]; p++)
            items->ids[next[users->ids[p]]++] = (int32_t)u;
    free(next);
}

static void write_rows(const struct side *side, const char *out, const char *suffix)
{
    char path[4096];
    snprintf(path, sizeof path, "%s%s", out, suffix);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(side->rows, DIM * sizeof(float), (size_t)side->n, file) != (size_t)side->n || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc != 9) {
        fputs("Usage: ials TRAIN N_USERS N_ITEMS ALPHA0 LAMBDA SWEEPS SEED OUT\n", stderr);
        return 2;
    }
    struct side users = {.n = atol(argv[2])}, items = {.n = atol(argv[3])};
    const float alpha0 = (float)atof(argv[4]), lambda = (float)atof(argv[5]);
    users.ptr = allocate(users.n + 1, sizeof *users.ptr);
    items.ptr = allocate(items.n + 1, sizeof *items.ptr);
    users.rows = allocate(users.n * DIM, sizeof(float));
    items.rows = allocate(items.n * DIM, sizeof(float));
    read_users(argv[1], &users, items.n);
    turn(&users, &items);
    srand((unsigned)atoi(argv[7]));
    for (int64_t k = 0; k < items.n * DIM; k++) /* nearly normal, of length .1                                  */
        items.rows[k] = 0.1f / sqrtf(DIM) * ((float)(rand() + (double)rand() + rand() - 1.5 * RAND_MAX) / (0.5f * (float)RAND_MAX));
    double seconds = 0;
    for (int sweep = 1; sweep <= atoi(argv[6]); sweep++) {
        const double start = now();
        solve_side(&users, &items, alpha0, lambda);
        solve_side(&items, &users, alpha0, lambda);
        seconds += now() - start;
        write_rows(&users, argv[8], ".users");
        write_rows(&items, argv[8], ".items");
        printf("%.4f\n", seconds);
        fflush(stdout);
        if (getchar() == EOF)
            break;
    }
    return 0;
}
