/* SPDX-License-Identifier: MIT */
/* 14: a catalogue that is cut in two, and the exact softmax over both parts.
 *
 * Each shard has half of the items, and a thread and a context of its own, as processes on two machines would. Between its passes
 * the library calls the host with what a row has in its shard; the host merges this with what the other shard has and hands back the
 * sums of the catalogue. Here "the host" is two pointers and a barrier; in a cluster it would be a reduction of the network. The
 * loss is that of the whole catalogue, item gradients are complete, and user gradients add up. */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "made_up.h"

#define SHARDS 2
#define PART (ITEMS / SHARDS)
#define ROWS 64
#define MOST_POSITIVES 16

static float             user_rows[USERS * DIM], item_rows[ITEMS * DIM];
static pthread_barrier_t meeting;
static adaptau_row_sums *sums_of[SHARDS]; /* where each shard's sums lie while all wait                            */

static struct shard {
    int     index;
    int64_t positive_ptr[ROWS + 1];
    int32_t positives[ROWS * MOST_POSITIVES]; /* ids count from the shard's first item                          */
    float   user_gradients[ROWS * DIM], item_gradients[PART * DIM];
    double  loss;
} shards[SHARDS];

/* Called by the library on each shard's thread, with the same pieces in the same order. The first shard merges, in one order, so
 * that both have the same bits. */
static int32_t reduce(void *user_data, const adaptau_reduce_piece *piece)
{
    const struct shard *shard = user_data;
    if (piece->what != ADAPTAU_REDUCE_SUMS)
        return 0; /* the gradients are added up at the end, in main */
    sums_of[shard->index] = piece->sums;
    pthread_barrier_wait(&meeting);
    if (shard->index == 0) {
        adaptau_merge_row_sums(piece->n, sums_of[0], sums_of[1]);
        memcpy(sums_of[1], sums_of[0], (size_t)piece->n * sizeof *piece->sums);
    }
    pthread_barrier_wait(&meeting);
    return 0;
}

static adaptau_tables tables_of(int32_t first, int32_t n)
{
    return (adaptau_tables){.struct_size = sizeof(adaptau_tables),
                            .flags = ADAPTAU_NORMALISE_USERS | ADAPTAU_NORMALISE_ITEMS,
                            .n_users = USERS,
                            .n_items = n,
                            .dim = DIM,
                            .users = user_rows,
                            .items = item_rows + (size_t)first * DIM};
}

static const adaptau_row_temperatures temperatures = {.struct_size = sizeof temperatures, .tau = 0.2f};

static void *run_shard(void *argument)
{
    struct shard        *shard = argument;
    adaptau_error        error;
    adaptau_context     *context = NULL;
    const adaptau_tables tables = tables_of(shard->index * PART, PART);
    const adaptau_batch  batch = {.struct_size = sizeof batch,
                                  .flags = ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM,
                                  .n_rows = ROWS,
                                  .positive_ptr = shard->positive_ptr,
                                  .positives = shard->positives};
    adaptau_reduce       between = {.struct_size = sizeof between};
    adaptau_loss_output  output = {.struct_size = sizeof output,
                                   .user_gradients = shard->user_gradients,
                                   .item_gradients = shard->item_gradients};
    check(adaptau_reduce_init(&between, &error), &error);
    between.function = reduce;
    between.user_data = shard;
    check(adaptau_context_create(NULL, &context, &error), &error);
    check(adaptau_loss_gradients_of_shard(context, &tables, &batch, &temperatures, NULL, &between, &output, &error), &error);
    shard->loss = output.loss;
    adaptau_context_destroy(context);
    return NULL;
}

/* The batch's rows with the positives of each shard. */
static void cut(const adaptau_dataset_view *view)
{
    for (int32_t u = 0; u < ROWS; u++) {
        for (int s = 0; s < SHARDS; s++)
            shards[s].positive_ptr[u + 1] = shards[s].positive_ptr[u];
        for (int64_t p = view->user_ptr[u]; p < view->user_ptr[u + 1]; p++) {
            struct shard *shard = &shards[view->user_items[p] / PART];
            shard->positives[shard->positive_ptr[u + 1]++] = view->user_items[p] % PART;
        }
    }
}

static double distance(int64_t n, const float *a, const float *b)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++) {
        const double apart = fabs((double)a[i] - (double)b[i]);
        most = apart > most ? apart : most; /* fmax would crash gcc 12 for arm64 */
    }
    return most;
}

int main(void)
{
    static float         user_gradients[ROWS * DIM], item_gradients[ITEMS * DIM];
    adaptau_error        error;
    adaptau_context     *context = NULL;
    adaptau_dataset     *train = NULL, *test = NULL;
    adaptau_dataset_view view = {.struct_size = sizeof view};
    pthread_t            threads[SHARDS];
    double               most = 0;
    check(adaptau_context_create(NULL, &context, &error), &error);
    make_up_data(context, &train, &test);
    draw_rows(user_rows, USERS, DIM);
    draw_rows(item_rows, ITEMS, DIM);
    check(adaptau_dataset_get_view(train, &view, &error), &error);
    cut(&view);

    check_system(pthread_barrier_init(&meeting, NULL, SHARDS) == 0, "pthread_barrier_init");
    for (int s = 0; s < SHARDS; s++) {
        shards[s].index = s;
        check_system(pthread_create(&threads[s], NULL, run_shard, &shards[s]) == 0, "pthread_create");
    }
    for (int s = 0; s < SHARDS; s++)
        pthread_join(threads[s], NULL);

    /* The whole catalogue at once, to compare. */
    const adaptau_tables tables = tables_of(0, ITEMS);
    const adaptau_batch  batch = {.struct_size = sizeof batch,
                                  .flags = ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM,
                                  .n_rows = ROWS,
                                  .positive_ptr = view.user_ptr,
                                  .positives = view.user_items};
    adaptau_loss_output  output = {
        .struct_size = sizeof output, .user_gradients = user_gradients, .item_gradients = item_gradients};
    check(adaptau_loss_gradients(context, &tables, &batch, &temperatures, NULL, &output, &error), &error);
    for (int i = 0; i < ROWS * DIM; i++)
        shards[0].user_gradients[i] += shards[1].user_gradients[i];
    most = distance(ROWS * DIM, user_gradients, shards[0].user_gradients);
    for (int s = 0; s < SHARDS; s++)
        most = fmax(most, distance(PART * DIM, item_gradients + (size_t)s * PART * DIM, shards[s].item_gradients));
    printf("loss of the whole %.6f, of the shards %.6f and %.6f; gradients differ by at most %.1e\n", output.loss,
           shards[0].loss, shards[1].loss, most);

    pthread_barrier_destroy(&meeting);
    adaptau_dataset_destroy(train);
    adaptau_dataset_destroy(test);
    adaptau_context_destroy(context);
    return fabs(output.loss - shards[0].loss) < 1e-6 * output.loss && shards[0].loss == shards[1].loss && most < 1e-5 ? 0 : 1;
}
