/* SPDX-License-Identifier: MIT */
/* What the library's answers are compared with: the definitions of its headers, slowly, in double precision, in arrays of one
 * size. Where a float cannot be expected to agree, `slack` says how far it may be off, as a part of what was added up. */
#ifndef STATEFUL_TRUTH_H
#define STATEFUL_TRUTH_H

#include <adaptau/adaptau.h>

#include <stdbool.h>

#define MOST_USERS 16
#define MOST_ITEMS 24
#define MOST_DIM 20
#define MOST_ROWS 96
#define MOST_CANDIDATES 96
#define MOST_NODES (MOST_USERS + MOST_ITEMS)

/* ---- scores --------------------------------------------------------------------------------------------------------- */

/* Tables in double, normalised where flags say so, with the lengths that the rows had. */
struct truth_tables {
    int32_t n_users, n_items, dim;
    bool    normalised[2];
    double  users[MOST_USERS][MOST_DIM], items[MOST_ITEMS][MOST_DIM];
    double  user_lengths[MOST_USERS], item_lengths[MOST_ITEMS];
    double  f[MOST_USERS][MOST_ITEMS];
    double  largest; /* of what the products of a score add up to, in absolute terms                        */
};

/* @param[in] flags  ADAPTAU_NORMALISE_* */
void truth_of_tables(const adaptau_tables *tables, uint32_t flags, struct truth_tables *out);

/* ---- losses --------------------------------------------------------------------------------------------------------- */

struct truth_question {
    const struct truth_tables *tables;
    const adaptau_batch       *batch;
    const adaptau_loss        *loss;           /* NULL: the softmax                                           */
    const float               *taus, *tau_positives; /* [R]; the second NULL: the same                        */
};

struct truth_answer {
    bool   comparable; /* floats can be expected to be near                                                     */
    double slack;
    double loss, loss_size;
    double row_loss[MOST_ROWS], row_size[MOST_ROWS], row_log_sum[MOST_ROWS], row_unit_loss[MOST_ROWS], row_slope[MOST_ROWS],
        row_slope_size[MOST_ROWS];
    double row_gradients[MOST_ROWS][MOST_DIM], row_gradient_size[MOST_ROWS]; /* of users, row by row            */
    double item_gradients[MOST_ITEMS][MOST_DIM], item_size[MOST_ITEMS];
    bool   touched[MOST_ITEMS];
};

void truth_of_loss(const struct truth_question *question, struct truth_answer *out);

/* ---- encoders ------------------------------------------------------------------------------------------------------- */

/* E = (1/(L + 1)) Σ_l Aˡ E⁰ over users and then items, in place; symmetric, and so the way back of gradients as well. */
void truth_of_layers(const adaptau_dataset *data, int32_t n_layers, int32_t dim, double rows[MOST_NODES][MOST_DIM]);

/* h_u = g e_u + (1 − g) V p_u */
void truth_of_means(const adaptau_dataset *data, double gate, int32_t dim, const float *parameters, double rows[MOST_NODES][MOST_DIM]);

/* ---- temperatures --------------------------------------------------------------------------------------------------- */

struct truth_moments {
    double mean_all, variance_all, mean_positive, variance_positive, log_ratio;
};

void truth_of_moments(const struct truth_tables *tables, const adaptau_dataset *data, struct truth_moments *out);

/* E_u[Σ_{i∈P_u} p_ui(τ)] of Eq. 11. */
double truth_of_eq11(const struct truth_tables *tables, const adaptau_dataset *data, double tau);

/* W₀ by Newton's method; below −1/e that of −1/e. */
double truth_of_lambert(double x);

/* ---- metrics -------------------------------------------------------------------------------------------------------- */

/* @param[in] list  [k] ranked items, −1 at the end; held: [n_held] ascending */
double truth_of_metric(int32_t metric, int32_t k, const int32_t *list, int64_t n_held, const int32_t *held);

/* ---- Adam ----------------------------------------------------------------------------------------------------------- */

struct truth_adam {
    double rate, beta1, beta2, epsilon, decay;
    bool   one_second_moment;
};

/* One step of a row by its own count; `first` and `second` are its moments. */
void truth_of_adam(const struct truth_adam *adam, int32_t dim, int64_t step, const double *gradient, double *first, double *second,
                   double *row);

#endif
