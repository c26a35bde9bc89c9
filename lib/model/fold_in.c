/* SPDX-License-Identifier: MIT */
/* New users are blocks of rows that walk downhill on their own losses. A block goes through the engine as one batch, so that it
 * shares the products with the items; each row has a step length of its own. What the last two evaluations said about a row's
 * curvature is enough: losses of a row on the sphere are close to quadratic where users end up, and a Hessian (d² products for
 * each item) would cost more than all steps together. */
#include <adaptau/fold_in.h>
#include <adaptau/experimental.h>

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "common/abi.h"
#include "common/arena.h"
#include "common/error.h"
#include "common/lists.h"
#include "common/pool.h"
#include "common/progress.h"
#include "common/size.h"
#include "core/dataset.h"
#include "kernels/check.h"
#include "kernels/of_context.h"
#include "kernels/propagate.h"
#include "kernels/rows.h"
#include "kernels/workspace.h"
#include "model/model.h"

#define DEFAULT_STEPS 4 /* docs/accuracy.md */
#define BLOCK 512 /* users of a batch: its memory is some rows of floats for each                               */
#define ROWS_PER_TASK 64
#define FIRST_STEP 1.0
#define SHORTEST_STEP 0.25
#define LONGEST_STEP 8.0
#define USERS ADAPTAU_SIDE_USERS
#define ITEMS ADAPTAU_SIDE_ITEMS

struct adaptau_fold_in {
    adaptau_context     *context;
    adaptau_fold_in_options options;
    adaptau_loss         loss;
    bool                 softmax;
    uint32_t             flags; /* of the tables: users and items of length 1 where they are normalised        */
    int32_t              n_items, dim;
    double               exponent; /* a user starts at n_u^-exponent Σ starts_i                               */
    struct atau_arena    arena;
    float               *items;   /* [m x d] ê_i                                                              */
    float               *starts;  /* [m x d]; the items themselves for MF                                     */
    float               *targets; /* [m x d] b_i, NULL without soft targets                                   */
    float               *log_q;   /* [m], NULL where all items weigh alike                                    */
};

/* ---- creation ---------------------------------------------------------------------------------------------------- */

static adaptau_fold_in_options defaults_for(const adaptau_model *model, int32_t tau_user_policy)
{
    return (adaptau_fold_in_options){
        .struct_size = sizeof(adaptau_fold_in_options),
        .tau_user_policy = tau_user_policy,
        .n_steps = model->encoding.encoder->folds_exactly ? 0 : DEFAULT_STEPS,
        .divisor = tau_user_policy == ADAPTAU_TAU_USER_RELEASED ? 1.0 : 2.0,
    };
}

adaptau_status adaptau_fold_in_options_init(adaptau_fold_in_options *options, const adaptau_model *model,
                                            int32_t tau_user_policy, adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    if (!atau_folding_knows_policy(tau_user_policy))
        return atau_fail(error, ADAPTAU_E_ARGUMENT,
                         "tau_user_policy = %d is not ADAPTAU_TAU_USER_NONE, _BY_LOSS, _MINIMISER or _RELEASED", tau_user_policy);
    const adaptau_fold_in_options defaults = defaults_for(model, tau_user_policy);
    return atau_init_struct(options, &defaults, sizeof defaults, sizeof defaults, "options", error);
}

adaptau_status atau_fold_in_read_options(const adaptau_model *model, const adaptau_fold_in_options *given,
                                         adaptau_fold_in_options *out, adaptau_error *error)
{
    adaptau_status status = atau_read_struct(out, sizeof *out, sizeof *out, given, false, "options", error);
    if (status != ADAPTAU_OK)
        return status;
    const adaptau_fold_in_options defaults = defaults_for(model, out->tau_user_policy);
    atau_complete_struct(out, &defaults, sizeof *out, given);
    return ADAPTAU_OK;
}

/* has_popularity: the model knows how popular its items are. */
static adaptau_status check_options(const adaptau_fold_in_options *o, const adaptau_model *model, const adaptau_dataset *dataset,
                                    bool has_popularity, adaptau_error *error)
{
    adaptau_status status = atau_folding_check(o, error);
    if (status != ADAPTAU_OK)
        return status;
    const bool soft = o->target_strength > 0.0, popular = o->popularity_exponent != 0.0;
    if (model->objective.map && (o->tau_user_policy != ADAPTAU_TAU_USER_NONE || soft || popular))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->%s belongs to the softmax, but the model's loss is %s",
                         soft      ? "target_strength"
                         : popular ? "popularity_exponent"
                                   : "tau_user_policy",
                         model->objective.map->name);
    if ((soft || (popular && !has_popularity)) && !dataset)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->%s = %g, but dataset is NULL",
                         soft ? "target_strength" : "popularity_exponent",
                         soft ? o->target_strength : o->popularity_exponent);
    const int32_t n = model->tables.side[USERS].n_rows, m = model->tables.side[ITEMS].n_rows;
    if (dataset && (dataset->n_users != n || dataset->n_items != m))
        return atau_fail(error, ADAPTAU_E_SHAPE, "dataset is %d x %d, but the model is %d x %d", dataset->n_users,
                         dataset->n_items, n, m);
    return ADAPTAU_OK;
}

static void lay_out(adaptau_fold_in *fold, bool own_starts)
{
    const size_t m = (size_t)fold->n_items, row = (size_t)fold->dim * sizeof(float);
    fold->items = atau_arena_take(&fold->arena, m, row);
    fold->starts = own_starts ? atau_arena_take(&fold->arena, m, row) : fold->items;
    fold->targets = fold->options.target_strength > 0.0 ? atau_arena_take(&fold->arena, m, row) : NULL;
    fold->log_q = fold->options.popularity_exponent != 0.0 ? atau_arena_take(&fold->arena, m, sizeof(float)) : NULL;
}

static adaptau_status copy_items(adaptau_fold_in *fold, const struct atau_tables *given, adaptau_error *error)
{
    const struct atau_kernels *kernels = atau_kernels_of(fold->context);
    const adaptau_tables      *tables = &given->of;
    const struct atau_halves  *halves = &given->halves[ITEMS];
    const int64_t              dim = fold->dim, stride = tables->item_stride ? tables->item_stride : dim;
    adaptau_status             status = ADAPTAU_OK;
    if (!halves->rows)
        status = atau_check_rows_finite(fold->context, "items", fold->n_items, fold->dim, tables->items, stride, error);
    for (int64_t i = 0; i < fold->n_items && status == ADAPTAU_OK; i++) {
        float *row = fold->items + i * dim;
        if (halves->rows)
            atau_read_halves(kernels, halves, dim, i, 1, row);
        else
            memcpy(row, tables->items + i * stride, (size_t)dim * sizeof(float));
        if (tables->flags & ADAPTAU_NORMALISE_ITEMS && !(tables->flags & ADAPTAU_UNIT_ROWS))
            atau_unit_row(kernels, dim, row, row);
    }
    return status;
}

/* log_q: of the model, or NULL. */
static adaptau_status fill(adaptau_fold_in *fold, const adaptau_model *model, const adaptau_dataset *dataset, const float *log_q,
                           adaptau_error *error)
{
    struct atau_tables tables = {0};
    const bool         own_starts = model->encoding.encoder->fold_starts != NULL;
    adaptau_status     status = atau_model_tables(model, &tables, error);
    if (status != ADAPTAU_OK)
        return status;
    fold->flags = (tables.of.flags & ADAPTAU_NORMALISE_BOTH) | ADAPTAU_UNIT_ROWS;
    lay_out(fold, own_starts);
    status = atau_arena_allocate(fold->context, &fold->arena, "the items of new users", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out(fold, own_starts);
    if (fold->log_q && log_q)
        memcpy(fold->log_q, log_q, (size_t)fold->n_items * sizeof(float));
    else if (fold->log_q)
        atau_popularity_log_q(dataset, fold->options.popularity_exponent, fold->log_q);
    status = copy_items(fold, &tables, error);
    if (status == ADAPTAU_OK && own_starts)
        status = model->encoding.encoder->fold_starts(&model->encoding, fold->starts, &fold->exponent, error);
    return status == ADAPTAU_OK && fold->targets
               ? atau_targets_of_items(fold->context, dataset, fold->dim, fold->items, fold->targets, error)
               : status;
}

/* The options that the model has. Soft targets need the interactions. */
static adaptau_status recall_options(const adaptau_model *model, const adaptau_dataset *dataset, adaptau_fold_in_options *out,
                                     adaptau_error *error)
{
    if (!model->folding.present)
        return atau_fail(error, ADAPTAU_E_STATE,
                         "options is NULL, but the model does not say how new users are folded in: adaptau_training_end_epoch and "
                         "adaptau_model_set_fold_in do");
    *out = model->folding.options;
    if (!dataset)
        out->target_strength = 0.0;
    return ADAPTAU_OK;
}

adaptau_status adaptau_fold_in_create(const adaptau_model *model, const adaptau_dataset *dataset,
                                      const adaptau_fold_in_options *given, adaptau_fold_in **out, adaptau_error *error)
{
    adaptau_fold_in_options options;
    ATAU_REQUIRE(model, error);
    ATAU_REQUIRE(out, error);
    adaptau_status status = given ? atau_fold_in_read_options(model, given, &options, error) : ADAPTAU_OK;
    if (status == ADAPTAU_OK)
        status = atau_model_enter_shared(model, error);
    if (status != ADAPTAU_OK)
        return status;
    adaptau_fold_in *fold = NULL;
    const float     *log_q = given ? NULL : model->folding.log_q;
    if (!given)
        status = recall_options(model, dataset, &options, error);
    if (status == ADAPTAU_OK)
        status = check_options(&options, model, dataset, log_q != NULL, error);
    if (status == ADAPTAU_OK) {
        fold = atau_allocate_zeroed(model->context, 1, sizeof *fold);
        status = fold ? ADAPTAU_OK : atau_fail_memory(error, sizeof *fold, "the fold");
    }
    if (status == ADAPTAU_OK) {
        fold->context = model->context;
        fold->options = options;
        fold->loss = model->objective.loss;
        fold->softmax = !model->objective.map;
        fold->n_items = model->tables.side[ITEMS].n_rows;
        fold->dim = model->tables.dim;
        fold->exponent = 1.0;
        status = fill(fold, model, dataset, log_q, error);
    }
    atau_model_leave_shared(model);
    if (status == ADAPTAU_OK)
        *out = fold;
    else
        adaptau_fold_in_destroy(fold);
    return status;
}

void adaptau_fold_in_destroy(adaptau_fold_in *fold)
{
    if (!fold)
        return;
    adaptau_context *context = fold->context;
    atau_arena_free(context, &fold->arena);
    atau_free(context, fold, sizeof *fold);
}

/* ---- a block of users -------------------------------------------------------------------------------------------- */

struct block {
    const adaptau_fold_in   *fold;
    struct atau_workspace workspace;
    int64_t               n;
    const int64_t        *ptr;   /* [n + 1] of this block; the first one need not be 0 */
    const int32_t        *items;
    const float          *given_weights; /* of all interactions, as items are, or NULL: all 1                  */
    float                *best;  /* [n x d] the answer: the row with the least loss so far                     */
    float                *unit_losses; /* [n] L_u there                                                      */

    /* for each of the n rows */
    int64_t *offsets; /* [n + 1] ptr from 0                                                                   */
    float   *rows, *old_rows, *gradients, *old_gradients, *targets; /* [n x d]                               */
    float   *tau, *tau_positive, *weights, *shares, *losses_now;    /* [n]                                   */
    double  *loss, *best_loss;                                      /* [n]                                   */
};

static void lay_out_block(struct block *b, int64_t room, struct atau_arena *arena)
{
    const size_t n = (size_t)room, row = (size_t)b->fold->dim * sizeof(float);
    b->offsets = atau_arena_take(arena, n + 1, sizeof(int64_t));
    b->rows = atau_arena_take(arena, n, row);
    b->old_rows = atau_arena_take(arena, n, row);
    b->gradients = atau_arena_take(arena, n, row);
    b->old_gradients = atau_arena_take(arena, n, row);
    b->targets = atau_arena_take(arena, n, row);
    b->tau = atau_arena_take(arena, n, sizeof(float));
    b->tau_positive = atau_arena_take(arena, n, sizeof(float));
    b->weights = atau_arena_take(arena, n, sizeof(float));
    b->shares = atau_arena_take(arena, n, sizeof(float));
    b->losses_now = atau_arena_take(arena, n, sizeof(float));
    b->unit_losses = atau_arena_take(arena, n, sizeof(float));
    b->loss = atau_arena_take(arena, n, sizeof(double));
    b->best_loss = atau_arena_take(arena, n, sizeof(double));
}

/* How many interactions a row amounts to. */
static double weigh_row(const struct block *b, int64_t r)
{
    double weight = 0.0;
    if (!b->given_weights)
        return (double)(b->ptr[r + 1] - b->ptr[r]);
    for (int64_t p = b->ptr[r]; p < b->ptr[r + 1]; p++)
        weight += (double)b->given_weights[p];
    return weight;
}

/* scale Σ_{i∈P_u} table_i */
static void gather(const struct block *b, int64_t r, const float *table, double scale, float *out)
{
    const int64_t            n = b->ptr[r + 1] - b->ptr[r], dim = b->fold->dim;
    const struct atau_gather from = {.x = table, .stride = dim, .dim = dim};
    atau_kernels_of(b->fold->context)->gather(&from, n, n, b->items + b->ptr[r], (float)scale, 0.0f, NULL, out);
}

/* Σ_{i∈P_u} a_i table_i / Σ a_i, 0 without items. */
static void average(const struct block *b, int64_t r, const float *table, float *out)
{
    const int64_t dim = b->fold->dim;
    const double  weight = weigh_row(b, r);
    if (!b->given_weights) {
        gather(b, r, table, weight > 0.0 ? 1.0 / weight : 0.0, out);
        return;
    }
    memset(out, 0, (size_t)dim * sizeof(float));
    for (int64_t p = b->ptr[r]; p < b->ptr[r + 1]; p++)
        atau_kernels_of(b->fold->context)->axpy(dim, (float)((double)b->given_weights[p] / weight), table + b->items[p] * dim, out);
}

static void to_sphere(const struct block *b, float *row)
{
    if (b->fold->flags & ADAPTAU_NORMALISE_USERS)
        atau_unit_row(atau_kernels_of(b->fold->context), b->fold->dim, row, row);
}

static void start_row(const struct block *b, int64_t r)
{
    const adaptau_fold_in *fold = b->fold;
    const int64_t       n = b->ptr[r + 1] - b->ptr[r], dim = fold->dim;
    float              *row = b->rows + r * dim;
    if (fold->starts == fold->items)
        average(b, r, fold->starts, row);
    else /* an encoder's graph knows no weights                                                               */
        gather(b, r, fold->starts, n > 0 ? pow((double)n, -fold->exponent) : 0.0, row);
    b->weights[r] = atau_inverse_weight(weigh_row(b, r));
    b->tau[r] = b->tau_positive[r] = (float)fold->options.tau;
    b->unit_losses[r] = 0.0f;
    b->best_loss[r] = INFINITY;
    if (fold->targets) {
        const double share = n > 0 ? fold->options.target_strength / (fold->options.target_strength + (double)n) : 0.0;
        average(b, r, fold->targets, b->targets + r * dim);
        b->shares[r] = (float)share;
        if (fold->starts == fold->items) {
            atau_kernels_of(fold->context)->scale(dim, (float)(1.0 - share), row, row);
            atau_kernels_of(fold->context)->axpy(dim, (float)share, b->targets + r * dim, row);
        }
    }
    to_sphere(b, row);
    memcpy(b->best + r * dim, row, (size_t)dim * sizeof(float));
}

static void start_rows(void *argument, int32_t lane, int64_t first, int64_t end)
{
    const struct block *b = argument;
    (void)lane;
    for (int64_t r = first; r < end; r++)
        start_row(b, r);
}

/* Losses of the rows, mean of their positives, and gradients where `goes_on`. */
static adaptau_status evaluate(struct block *b, bool goes_on, adaptau_error *error)
{
    const adaptau_fold_in  *fold = b->fold;
    const adaptau_tables tables = {.struct_size = sizeof tables,
                                   .flags = fold->flags,
                                   .n_users = (int32_t)b->n,
                                   .n_items = fold->n_items,
                                   .dim = fold->dim,
                                   .users = b->rows,
                                   .user_stride = fold->dim,
                                   .items = fold->items,
                                   .item_stride = fold->dim};
    const adaptau_batch  batch = {.struct_size = sizeof batch,
                                  .flags = fold->options.flags,
                                  .n_rows = (int32_t)b->n,
                                  .candidates = ADAPTAU_CANDIDATES_CATALOGUE,
                                  .positive_ptr = b->offsets,
                                  .positives = b->items + b->ptr[0],
                                  .positive_weights = b->given_weights ? b->given_weights + b->ptr[0] : NULL,
                                  .log_q = fold->log_q,
                                  .row_weights = b->weights,
                                  .target_shares = fold->targets ? b->shares : NULL,
                                  .user_targets = fold->targets ? b->targets : NULL};
    const adaptau_row_temperatures tau = {
        .struct_size = sizeof tau,
        .candidates = b->tau,
        .positives = fold->options.tau_user_policy == ADAPTAU_TAU_USER_RELEASED ? b->tau_positive : NULL};
    adaptau_loss_output output = {.struct_size = sizeof output,
                                     .row_loss = b->loss,
                                     .row_unit_loss = fold->softmax ? b->losses_now : NULL,
                                     .user_gradients = goes_on ? b->gradients : NULL};
    return atau_loss_gradients_in(fold->context, &b->workspace, &tables, &batch, &tau, fold->softmax ? NULL : &fold->loss, NULL,
                                  &output, error);
}

static void keep_best(struct block *b)
{
    const int64_t dim = b->fold->dim;
    for (int64_t r = 0; r < b->n; r++)
        if (b->loss[r] < b->best_loss[r]) {
            b->best_loss[r] = b->loss[r];
            b->unit_losses[r] = b->fold->softmax ? b->losses_now[r] : 0.0f;
            memcpy(b->best + r * dim, b->rows + r * dim, (size_t)dim * sizeof(float));
        }
}

static double tau_of(const adaptau_fold_in_options *o, double loss)
{
    if (o->tau_user_policy == ADAPTAU_TAU_USER_NONE)
        return o->tau;
    const bool eq15 = o->tau_user_policy == ADAPTAU_TAU_USER_MINIMISER;
    return fmin(1e30, eq15 ? adaptau_tau_user_eq15(o->tau, loss, o->threshold, o->divisor)
                           : adaptau_tau_user_eq16(o->tau, loss, o->threshold, o->divisor));
}

/* Personal temperatures change the losses: what was best under others is not comparable. */
static void set_temperatures(struct block *b)
{
    for (int64_t r = 0; r < b->n; r++) {
        b->tau[r] = b->weights[r] > 0.0f ? (float)tau_of(&b->fold->options, (double)b->unit_losses[r])
                                         : (float)b->fold->options.tau;
        b->best_loss[r] = INFINITY;
    }
}

/* The step length s·s/s·y of the last two rows; the longest step where the loss does not curve upwards. */
static double step_length(const struct block *b, int64_t r)
{
    const int64_t dim = b->fold->dim;
    const float  *x = b->rows + r * dim, *x0 = b->old_rows + r * dim;
    const float  *g = b->gradients + r * dim, *g0 = b->old_gradients + r * dim;
    double        ss = 0.0, sy = 0.0;
    for (int64_t k = 0; k < dim; k++) {
        const double s = (double)x[k] - (double)x0[k];
        ss += s * s;
        sy += s * ((double)g[k] - (double)g0[k]);
    }
    sy *= (double)b->tau[r];
    return ss > 0.0 && sy > 0.0 ? fmin(LONGEST_STEP, fmax(SHORTEST_STEP, ss / sy)) : ss > 0.0 ? LONGEST_STEP : FIRST_STEP;
}

struct step_call {
    struct block *block;
    bool          first;
};

static void step_rows(void *argument, int32_t lane, int64_t first, int64_t end)
{
    const struct step_call *call = argument;
    const struct block     *b = call->block;
    const int64_t           dim = b->fold->dim;
    const size_t            bytes = (size_t)dim * sizeof(float);
    (void)lane;
    for (int64_t r = first; r < end; r++) {
        float       *row = b->rows + r * dim, *gradient = b->gradients + r * dim;
        const double length = call->first ? FIRST_STEP : step_length(b, r);
        memcpy(b->old_rows + r * dim, row, bytes);
        memcpy(b->old_gradients + r * dim, gradient, bytes);
        atau_kernels_of(b->fold->context)->axpy(dim, (float)(-length * (double)b->tau[r]), gradient, row);
        to_sphere(b, row);
    }
}

static adaptau_status run_over_rows(struct block *b, atau_rows_function work, void *argument, adaptau_error *error)
{
    return atau_parallel_rows(b->fold->context, b->n, ROWS_PER_TASK, work, argument, error);
}

static adaptau_status descend(struct block *b, adaptau_error *error)
{
    const int32_t    n_steps = b->fold->options.n_steps;
    const bool       personal = b->fold->options.tau_user_policy != ADAPTAU_TAU_USER_NONE;
    struct step_call call = {b, true};
    adaptau_status   status = ADAPTAU_OK;
    for (int32_t k = 0; k < n_steps && status == ADAPTAU_OK; k++) {
        status = evaluate(b, true, error);
        if (status != ADAPTAU_OK)
            return status;
        keep_best(b);
        if (personal && k == n_steps / 2)
            set_temperatures(b);
        status = run_over_rows(b, step_rows, &call, error);
        call.first = false;
    }
    if (status == ADAPTAU_OK && (n_steps > 0 || personal))
        status = evaluate(b, false, error);
    if (status != ADAPTAU_OK)
        return status;
    if (n_steps > 0 || personal)
        keep_best(b);
    if (personal)
        set_temperatures(b);
    return ADAPTAU_OK;
}

static adaptau_status fold_block(struct block *b, float *taus, adaptau_error *error)
{
    for (int64_t r = 0; r <= b->n; r++)
        b->offsets[r] = b->ptr[r] - b->ptr[0];
    adaptau_status status = run_over_rows(b, start_rows, b, error);
    if (status == ADAPTAU_OK)
        status = descend(b, error);
    memcpy(taus, b->tau, (size_t)b->n * sizeof(float));
    return status;
}

/* ---- the call ---------------------------------------------------------------------------------------------------- */

static adaptau_status check_users(const adaptau_fold_in *fold, int32_t n_users, const int64_t *ptr, const int32_t *items,
                                  adaptau_error *error)
{
    const struct atau_lists users = {.n = n_users,
                                     .ptr = ptr,
                                     .ids = items,
                                     .limit = fold->n_items,
                                     .ptr_name = "item_ptr",
                                     .ids_name = "items",
                                     .limit_name = "n_items"};
    return atau_check_lists(&users, error);
}

/* What the call will write. A later block may find no memory, or a loss that is not finite: until all are done the host's arrays
 * stay what they were. */
struct answers {
    float *embeddings; /* [n x d]                                                                             */
    float *taus;       /* [n]                                                                                 */
};

static void lay_out_answers(struct answers *answers, const adaptau_fold_in *fold, int64_t n, struct atau_arena *arena)
{
    answers->embeddings = atau_arena_take(arena, (uint64_t)n, (uint64_t)fold->dim * sizeof(float));
    answers->taus = atau_arena_take(arena, (uint64_t)n, sizeof(float));
}

adaptau_status adaptau_fold_in_users(const adaptau_fold_in *fold, int32_t n_users, const int64_t *item_ptr, const int32_t *items,
                                     const float *weights, float *embeddings, float *taus, adaptau_error *error)
{
    static const int32_t no_items[1] = {0}; /* items may be NULL where no user has one                             */
    struct block         b = {.fold = fold};
    struct answers       answers;
    struct atau_arena    arena = {0};
    ATAU_REQUIRE(fold, error);
    if (n_users <= 0)
        return n_users < 0 ? atau_fail(error, ADAPTAU_E_ARGUMENT, "n_users = %d is negative", n_users) : ADAPTAU_OK;
    ATAU_REQUIRE(item_ptr, error);
    ATAU_REQUIRE(embeddings, error);
    adaptau_status status = check_users(fold, n_users, item_ptr, items, error);
    if (status == ADAPTAU_OK)
        status = atau_check_weights("weights", item_ptr[n_users], weights, error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out_block(&b, atau_min_i64(n_users, BLOCK), &arena);
    lay_out_answers(&answers, fold, n_users, &arena);
    status = atau_arena_allocate(fold->context, &arena, "new users", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out_block(&b, atau_min_i64(n_users, BLOCK), &arena);
    lay_out_answers(&answers, fold, n_users, &arena);
    b.items = items ? items : no_items;
    b.given_weights = weights;
    for (int64_t first = 0; first < n_users && status == ADAPTAU_OK; first += BLOCK) {
        b.n = atau_min_i64(BLOCK, n_users - first);
        b.ptr = item_ptr + first;
        b.best = answers.embeddings + first * fold->dim;
        status = fold_block(&b, answers.taus + first, error);
        if (status == ADAPTAU_OK)
            status = atau_progress(fold->context, ADAPTAU_PROGRESS_FOLD_IN, first + b.n, n_users, error);
    }
    if (status == ADAPTAU_OK)
        memcpy(embeddings, answers.embeddings, (size_t)n_users * (size_t)fold->dim * sizeof(float));
    if (status == ADAPTAU_OK && taus)
        memcpy(taus, answers.taus, (size_t)n_users * sizeof(float));
    atau_workspace_free(fold->context, &b.workspace);
    atau_arena_free(fold->context, &arena);
    return status;
}
