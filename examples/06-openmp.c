/* SPDX-License-Identifier: MIT */
/* 6: the threads of OpenMP.
 *
 * A program that is parallel by OpenMP has a pool already. Here it runs the library's lanes too, in an executor of one line.
 * A model is then trained twice, by OpenMP's threads and by a pool of the library's own: the tables are equal, bit for bit. */
#include <omp.h>
#include <string.h>

#include "made_up.h"

#define THREADS 2
#define EPOCHS 5

/* Lanes never wait for one another: were OpenMP to give us fewer threads than lanes, some would come after others. */
static int32_t run_lanes(void *user_data, int32_t n_lanes, adaptau_lane_function lane, void *argument)
{
    (void)user_data;
#pragma omp parallel for num_threads(n_lanes) schedule(static, 1)
    for (int32_t i = 0; i < n_lanes; i++)
        lane(argument, i);
    return 0;
}

/* Train tables [(USERS + ITEMS) x DIM] of the program's; answers recall@10. */
static double train(const adaptau_context_options *options, float *rows)
{
    adaptau_error         error;
    adaptau_context      *context = NULL;
    adaptau_dataset      *data = NULL, *test = NULL;
    adaptau_model        *model = NULL;
    adaptau_model_options tables = {.struct_size = sizeof tables};
    check(adaptau_model_options_init(&tables, &error), &error);
    tables.dim = DIM;
    tables.host_users = rows;
    tables.host_items = rows + USERS * DIM;
    check(adaptau_context_create(options, &context, &error), &error);
    make_up_data(context, &data, &test);
    check(adaptau_model_create(context, data, &tables, &model, &error), &error);
    train_epochs(context, data, model, EPOCHS);
    double reached = model_recall(context, data, test, model);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(test);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
    return reached;
}

int main(void)
{
    static float            by_openmp[(USERS + ITEMS) * DIM], by_library[(USERS + ITEMS) * DIM];
    adaptau_context_options options = {.struct_size = sizeof options, .n_threads = THREADS};
    double                  library = train(&options, by_library);
    options.executor = run_lanes; /* no thread of the library's is started any more                              */
    double openmp = train(&options, by_openmp);
    int    same = library == openmp && memcmp(by_openmp, by_library, sizeof by_library) == 0;
    printf("the library's pool  recall@10 %.4f\nOpenMP, %d threads   recall@10 %.4f\n", library, omp_get_max_threads(), openmp);
    printf("the tables are %s\n", same ? "equal, bit for bit" : "DIFFERENT");
    return same ? 0 : 1;
}
