/* SPDX-License-Identifier: MIT */
/* A file is a list of runs of rows: a header, then rows, first moments, second moments and steps of the run, and of users the
 * losses that their temperatures come from. The manifest is text: a line of numbers as hexadecimal words, a line for each file
 * with its size and the sum of its bytes, and at the end the sum of the manifest's own bytes before it. */
#include "adaptau-train-mpi/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/draft.h"
#include "common/fail.h"

#define PROGRAM_WORD "adaptau-mpi "
#define FORMAT PROGRAM_WORD "3"
#define SUM_LINE "sum "
#define MANIFEST_MOST (1 << 24)
#define MAGIC UINT64_C(0x314D554154504144)
#define N_WORDS (sizeof(struct standing) / sizeof(uint64_t))
_Static_assert(sizeof(struct standing) % sizeof(uint64_t) == 0, "a standing is made of words");

struct run_header {
    uint64_t magic;
    int64_t  side, first, n, dim, second; /* floats of a second moment                                        */
};

/* Rows of the model and where this process has them. `losses`: of users. */
struct run {
    struct run_header header;
    float            *rows, *first, *second;
    int32_t          *steps;
    float            *losses;
};

struct file_sum {
    int64_t  size;
    uint64_t sum;
};

/* ---- runs -------------------------------------------------------------------------------------------------------- */

/* What this process is to write: its part of its team's users, and the items that it steps. */
static int list_runs(const struct grid *grid, const struct shard *shard, float *losses, struct run runs[1 + ITEM_PIECES])
{
    const struct part *part = shard->part;
    const int64_t      d = shard->dim, second = second_size(shard);
    const int64_t      u = part_start(part->own_users, grid->n_q, grid->q);
    int                n = 0;
    runs[n++] = (struct run){
        .header = {MAGIC, ADAPTAU_SIDE_USERS, part->first_user + u, part_start(part->own_users, grid->n_q, grid->q + 1) - u, d,
                   second},
        .rows = shard->users + u * d,
        .first = shard->user_steps.first + u * d,
        .second = shard->user_steps.second + u * second,
        .steps = shard->user_steps.steps + u,
        .losses = losses + u,
    };
    for (int k = 0; k < shard->n_pieces; k++) {
        const struct item_piece *piece = &shard->pieces[k];
        runs[n++] = (struct run){
            .header = {MAGIC, ADAPTAU_SIDE_ITEMS, part->first_item + piece->mine, piece->n_mine, d, second},
            .rows = shard->items + piece->mine * d,
            .first = shard->item_steps.first + piece->at * d,
            .second = shard->item_steps.second + piece->at * second,
            .steps = shard->item_steps.steps + piece->at,
        };
    }
    return n;
}

/* What a piece of `rows` rows of one array is, in the file. */
static uint64_t add_sum(uint64_t sum, const void *bytes, size_t size)
{
    const unsigned char *b = bytes;
    uint64_t             word;
    for (; size >= sizeof word; size -= sizeof word, b += sizeof word) {
        memcpy(&word, b, sizeof word);
        sum = (sum ^ word) * UINT64_C(0x9E3779B97F4A7C15);
        sum ^= sum >> 32;
    }
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ b[i]) * UINT64_C(0x100000001B3);
    return sum;
}

static void put(FILE *file, const void *bytes, size_t size, struct file_sum *sum)
{
    fwrite(bytes, 1, size, file); /* failures are found by draft_commit                                        */
    sum->sum = add_sum(sum->sum, bytes, size);
    sum->size += (int64_t)size;
}

static void put_run(FILE *file, const struct run *run, struct file_sum *sum)
{
    const size_t n = (size_t)run->header.n, d = (size_t)run->header.dim, second = (size_t)run->header.second;
    put(file, &run->header, sizeof run->header, sum);
    put(file, run->rows, n * d * sizeof(float), sum);
    put(file, run->first, n * d * sizeof(float), sum);
    put(file, run->second, n * second * sizeof(float), sum);
    put(file, run->steps, n * sizeof(int32_t), sum);
    if (run->losses)
        put(file, run->losses, n * sizeof(float), sum);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void file_name(char *out, size_t size, const char *path, int64_t epoch, int rank)
{
    snprintf(out, size, "%s.e%" PRId64 ".r%d", path, epoch, rank);
}

static adaptau_status write_own(const char *path, const struct grid *grid, const struct shard *shard,
                                const adaptau_temperature *temperature, struct file_sum *sum, adaptau_error *error)
{
    struct draft draft;
    struct run   runs[1 + ITEM_PIECES];
    float       *losses = (float *)(uintptr_t)adaptau_temperature_unit_losses(temperature); /* only read         */
    const int    n = list_runs(grid, shard, losses, runs);
    adaptau_status status = draft_open(&draft, path, error);
    *sum = (struct file_sum){0};
    for (int k = 0; k < n && !status; k++)
        put_run(draft.file, &runs[k], sum);
    return status ? status : draft_commit(&draft, error);
}

static adaptau_status sync_folder(const char *path, adaptau_error *error)
{
    char        folder[4096];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    int handle = open(folder, O_RDONLY | O_CLOEXEC);
    if (handle < 0 || fsync(handle) != 0) {
        int failure = errno;
        if (handle >= 0)
            close(handle);
        return fail_os(error, failure, "%s", shown_path(folder));
    }
    close(handle);
    return ADAPTAU_OK;
}

/* The manifest's text, to be freed; NULL without memory. */
static char *manifest_text(int n_files, const struct file_sum *sums, const struct standing *standing, size_t *size)
{
    uint64_t words[N_WORDS];
    char    *text = NULL;
    FILE    *out = open_memstream(&text, size);
    if (!out)
        return NULL;
    memcpy(words, standing, sizeof words);
    fprintf(out, "%s %d %" PRId64 "\n", FORMAT, n_files, standing->epoch);
    for (size_t i = 0; i < N_WORDS; i++)
        fprintf(out, "%016" PRIx64 "%c", words[i], i + 1 < N_WORDS ? ' ' : '\n');
    for (int k = 0; k < n_files; k++)
        fprintf(out, "%" PRId64 " %016" PRIx64 "\n", sums[k].size, sums[k].sum);
    const int failed = fflush(out) != 0;
    fprintf(out, SUM_LINE "%016" PRIx64 "\n", failed ? 0 : add_sum(0, text, *size));
    if (fclose(out) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

static adaptau_status write_manifest(const char *path, int n_files, const struct file_sum *sums,
                                     const struct standing *standing, adaptau_error *error)
{
    size_t       size = 0;
    struct draft draft;
    char        *text = manifest_text(n_files, sums, standing, &size);
    if (!text)
        return fail_memory(error, "the manifest of the checkpoint");
    adaptau_status status = draft_open(&draft, path, error);
    if (!status) {
        fwrite(text, 1, size, draft.file); /* failures are found by draft_commit                               */
        status = draft_commit(&draft, error);
    }
    free(text);
    return status ? status : sync_folder(path, error);
}

/* All processes learn whether one of them failed. */
static adaptau_status agree(const struct grid *grid, adaptau_status status, adaptau_error *error)
{
    int32_t worst = status;
    MPI_Allreduce(MPI_IN_PLACE, &worst, 1, MPI_INT32_T, MPI_MAX, grid->world.comm);
    if (worst && !status)
        return fail(error, worst, "another process could not read or write its part of the checkpoint");
    return status;
}

adaptau_status checkpoint_write(const char *path, const struct grid *grid, const struct shard *shard,
                                const adaptau_temperature *temperature, const struct standing *standing, adaptau_error *error)
{
    char             name[4096];
    struct file_sum  own, *all = calloc((size_t)grid->world.size, sizeof *all);
    adaptau_status   status = all ? ADAPTAU_OK : fail_memory(error, "the checkpoint");
    file_name(name, sizeof name, path, standing->epoch, grid->world.rank);
    if (!status)
        status = write_own(name, grid, shard, temperature, &own, error);
    if (!status)
        status = sync_folder(path, error);
    status = agree(grid, status, error);
    if (!status) {
        MPI_Gather(&own, sizeof own, MPI_BYTE, all, sizeof own, MPI_BYTE, 0, grid->world.comm);
        if (grid->world.rank == 0)
            status = write_manifest(path, grid->world.size, all, standing, error);
        status = agree(grid, status, error);
    }
    free(all);
    for (int k = grid->world.rank; !status; k += grid->world.size) { /* that may have been of another grid     */
        file_name(name, sizeof name, path, standing->epoch - 1, k);
        if (unlink(name) != 0)
            break;
    }
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static adaptau_status refuse(const char *path, adaptau_error *error)
{
    return fail(error, ADAPTAU_E_FORMAT, "%s: damaged, or no checkpoint of this program", shown_path(path));
}

static bool get(FILE *file, void *bytes, size_t size, struct file_sum *sum)
{
    if (fread(bytes, 1, size, file) != size)
        return false;
    sum->sum = add_sum(sum->sum, bytes, size);
    sum->size += (int64_t)size;
    return true;
}

/* One array of a run: rows that are wanted go to where they belong, others are read for the sum. */
static bool get_array(FILE *file, const struct run_header *h, int64_t row, const struct run *wanted, int n_wanted,
                      size_t offset, struct file_sum *sum)
{
    char *buffer = malloc((size_t)(h->n * row) + 1);
    bool  fine = buffer && get(file, buffer, (size_t)(h->n * row), sum);
    for (int k = 0; k < n_wanted && fine; k++) {
        const struct run_header *w = &wanted[k].header;
        const int64_t first = w->first > h->first ? w->first : h->first;
        const int64_t end = w->first + w->n < h->first + h->n ? w->first + w->n : h->first + h->n;
        char         *to = *(char *const *)(const void *)((const char *)&wanted[k] + offset);
        if (w->side == h->side && first < end && to)
            memcpy(to + (first - w->first) * row, buffer + (first - h->first) * row, (size_t)((end - first) * row));
    }
    free(buffer);
    return fine;
}

static bool get_run(FILE *file, const struct run *wanted, int n, int64_t *rows, struct file_sum *sum)
{
    struct run_header h;
    if (!get(file, &h, sizeof h, sum))
        return false;
    if (h.magic != MAGIC || h.n < 0 || h.dim != wanted[0].header.dim || h.second != wanted[0].header.second ||
        (h.side != ADAPTAU_SIDE_USERS && h.side != ADAPTAU_SIDE_ITEMS) || h.n > INT32_MAX)
        return false;
    rows[h.side] += h.n;
    const int64_t number = (int64_t)sizeof(float);
    return get_array(file, &h, h.dim * number, wanted, n, offsetof(struct run, rows), sum) &&
           get_array(file, &h, h.dim * number, wanted, n, offsetof(struct run, first), sum) &&
           get_array(file, &h, h.second * number, wanted, n, offsetof(struct run, second), sum) &&
           get_array(file, &h, number, wanted, n, offsetof(struct run, steps), sum) &&
           (h.side != ADAPTAU_SIDE_USERS || get_array(file, &h, number, wanted, n, offsetof(struct run, losses), sum));
}

static adaptau_status read_file(const char *name, const struct run *wanted, int n, const struct file_sum *expected,
                                int64_t rows[2], adaptau_error *error)
{
    struct file_sum sum = {0};
    FILE           *file = fopen(name, "rb");
    if (!file)
        return fail_os(error, errno, "%s", shown_path(name));
    bool fine = true;
    while (fine && sum.size < expected->size)
        fine = get_run(file, wanted, n, rows, &sum);
    fclose(file);
    return fine && sum.size == expected->size && sum.sum == expected->sum ? ADAPTAU_OK : refuse(name, error);
}

/* Where all rows that this process has or steps are to go. Items it has whole, moments of those alone that it steps. */
static int list_wanted(const struct grid *grid, const struct shard *shard, float *losses, struct run wanted[2 + ITEM_PIECES])
{
    const struct part *part = shard->part;
    struct run         written[1 + ITEM_PIECES];
    int                n = list_runs(grid, shard, losses, written);
    wanted[0] = (struct run){.header = {MAGIC, ADAPTAU_SIDE_USERS, part->first_user, part->own_users, shard->dim,
                                        second_size(shard)},
                             .rows = shard->users,
                             .first = shard->user_steps.first,
                             .second = shard->user_steps.second,
                             .steps = shard->user_steps.steps,
                             .losses = losses};
    wanted[1] = (struct run){.header = {MAGIC, ADAPTAU_SIDE_ITEMS, part->first_item, part->own_items, shard->dim,
                                        second_size(shard)},
                             .rows = shard->items};
    for (int k = 1; k < n; k++) {
        wanted[1 + k] = written[k];
        wanted[1 + k].rows = NULL;
    }
    return n + 1;
}

/* The whole file, terminated; NULL where it cannot be read, errno says why. */
static char *read_text(const char *path, size_t *size)
{
    FILE *file = fopen(path, "r");
    char *text = file ? malloc(MANIFEST_MOST + 1) : NULL;
    *size = text ? fread(text, 1, MANIFEST_MOST, file) : 0;
    if (text && ferror(file)) {
        free(text);
        text = NULL;
        errno = EIO;
    }
    if (text)
        text[*size] = '\0';
    const int failure = errno;
    if (file)
        fclose(file);
    errno = failure;
    return text;
}

/* Any bit of it could be the number of a best epoch: nothing of a manifest is taken whose sum is not that of its text. */
static adaptau_status check_manifest(const char *text, size_t size, const char *path, adaptau_error *error)
{
    const size_t line = sizeof SUM_LINE - 1 + 16 + 1;
    char         wanted[40];
    if (strncmp(text, PROGRAM_WORD, sizeof PROGRAM_WORD - 1) == 0 && strncmp(text, FORMAT " ", sizeof FORMAT) != 0)
        return fail(error, ADAPTAU_E_FORMAT, "%s: the checkpoint of an older version of this program", shown_path(path));
    if (size < line || strlen(text) != size)
        return refuse(path, error);
    snprintf(wanted, sizeof wanted, SUM_LINE "%016" PRIx64 "\n", add_sum(0, text, size - line));
    return strcmp(text + size - line, wanted) == 0 ? ADAPTAU_OK : refuse(path, error);
}

/* *rest: where the lines of the files begin. */
static adaptau_status read_manifest(const char *text, const char *path, int *n_files, struct standing *standing,
                                    const char **rest, adaptau_error *error)
{
    uint64_t words[N_WORDS];
    int64_t  epoch;
    int      used = 0;
    if (sscanf(text, FORMAT " %d %" SCNd64 "%n", n_files, &epoch, &used) != 2 || *n_files < 1)
        return refuse(path, error);
    for (size_t i = 0; i < N_WORDS; i++) {
        text += used;
        if (sscanf(text, "%" SCNx64 "%n", &words[i], &used) != 1)
            return refuse(path, error);
    }
    *rest = text + used;
    memcpy(standing, words, sizeof words);
    return standing->epoch == epoch ? ADAPTAU_OK : refuse(path, error);
}

static adaptau_status read_files(const char *lines, const char *path, int n_files, int64_t epoch, const struct run *wanted, int n,
                                 const struct part *part, adaptau_error *error)
{
    int64_t        rows[2] = {0, 0};
    adaptau_status status = ADAPTAU_OK;
    for (int k = 0; k < n_files && !status; k++) {
        char            name[4096];
        struct file_sum expected;
        file_name(name, sizeof name, path, epoch, k);
        int used = 0;
        status = sscanf(lines, "%" SCNd64 " %" SCNx64 "%n", &expected.size, &expected.sum, &used) == 2
                     ? read_file(name, wanted, n, &expected, rows, error)
                     : refuse(path, error);
        lines += used;
    }
    if (!status && (rows[0] != part->n_users || rows[1] != part->n_items))
        status = refuse(path, error);
    return status;
}

static adaptau_status read_all(const char *text, const char *path, const struct grid *grid, struct shard *shard,
                               adaptau_temperature *temperature, struct standing *standing, adaptau_error *error)
{
    const uint64_t fingerprint = standing->fingerprint;
    struct run     wanted[2 + ITEM_PIECES];
    float         *losses = malloc((size_t)shard->part->own_users * sizeof *losses + 1);
    int            n_files = 0;
    if (!losses)
        return fail_memory(error, "the users' losses");
    const char    *lines = NULL;
    adaptau_status status = read_manifest(text, path, &n_files, standing, &lines, error);
    if (!status && standing->fingerprint != fingerprint)
        status = fail(error, ADAPTAU_E_STATE, "%s: the checkpoint of a training with other options or data", shown_path(path));
    if (!status)
        status = read_files(lines, path, n_files, standing->epoch, wanted, list_wanted(grid, shard, losses, wanted), shard->part,
                            error);
    if (!status)
        status = adaptau_temperature_set_state(temperature, &standing->temperature, losses, error);
    free(losses);
    return status;
}

adaptau_status checkpoint_read(const char *path, const struct grid *grid, struct shard *shard,
                               adaptau_temperature *temperature, struct standing *standing, bool *found, adaptau_error *error)
{
    size_t         size = 0;
    char          *text = read_text(path, &size);
    adaptau_status status = ADAPTAU_OK;
    *found = text != NULL;
    if (!text && errno != ENOENT)
        status = fail_os(error, errno, "%s", shown_path(path));
    if (text)
        status = check_manifest(text, size, path, error);
    if (text && !status)
        status = read_all(text, path, grid, shard, temperature, standing, error);
    free(text);
    return agree(grid, status, error);
}

adaptau_status checkpoint_read_standing(const char *path, const struct grid *grid, struct standing *standing, bool *found,
                                        adaptau_error *error)
{
    size_t         size = 0;
    char          *text = read_text(path, &size);
    const char    *rest = NULL;
    int            n_files = 0;
    adaptau_status status = ADAPTAU_OK;
    *found = text != NULL;
    if (!text && errno != ENOENT)
        status = fail_os(error, errno, "%s", shown_path(path));
    if (text)
        status = check_manifest(text, size, path, error);
    if (text && !status)
        status = read_manifest(text, path, &n_files, standing, &rest, error);
    free(text);
    return agree(grid, status, error);
}
