/* SPDX-License-Identifier: MIT */
/** @file temperature.h
 *  Temperatures that set themselves: a global τ₀ and, where wanted, a personal τ_u, with the statistics behind them. */
#ifndef ADAPTAU_TEMPERATURE_H
#define ADAPTAU_TEMPERATURE_H

#include <adaptau/dataset.h>
#include <adaptau/kernels.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The temperatures of a training: a policy says how they are set, and a state holds what they are now. Thread-safety:
 *  adaptau_temperature_rows and adaptau_temperature_get_state may run side by side on any number of threads; every other call runs
 *  alone. A call that meets another which forbids it answers E_STATE at once and changes nothing.
 *
 *  A temperature is made, and updated before each epoch:
 *  @snippet 12-graph-and-contrast.c objects
 *  @snippet 12-graph-and-contrast.c epoch */
typedef struct adaptau_temperature adaptau_temperature;

#define ADAPTAU_TAU0_FIRST_ORDER 0  /**< Eq. 14: τ₀ = Δμ/L, Δμ = μ₊ − μ                                       */
#define ADAPTAU_TAU0_SECOND_ORDER 1 /**< Eq. 34, which also looks at variances (adaptau_tau0_eq34)            */
#define ADAPTAU_TAU0_EXACT 2        /**< the root of Eq. 11, E_u[Σ_{i∈P_u} p_ui(τ)] = 1/2, on a sample of users */
#define ADAPTAU_TAU0_FIXED 3        /**< τ₀ is the `tau` of the options, always                               */

#define ADAPTAU_TAU_USER_NONE 0      /**< every user has τ₀ (Adap-τ₀)                                         */
#define ADAPTAU_TAU_USER_BY_LOSS 1   /**< each user has a τ_u by its loss, Eq. 16 (Adap-τ)                    */
#define ADAPTAU_TAU_USER_MINIMISER 2 /**< each user has the minimiser of Eq. 15                               */

/** `warmup_updates` of a temperature that never measures, and so keeps the τ₀ of the warm-up. */
#define ADAPTAU_WARMUP_FOR_EVER INT32_MAX

/** How temperatures are set. Since 1.0. */
typedef struct adaptau_temperature_options {
    uint32_t struct_size;        /**< sizeof(adaptau_temperature_options)                                    */
    int32_t  tau0_policy;        /**< ADAPTAU_TAU0_*                                                         */
    int32_t  tau_user_policy;    /**< ADAPTAU_TAU_USER_*                                                     */
    int32_t  warmup_updates;     /**< the first so many updates measure nothing and take Δμ = warmup_delta_mu; 1 */
    double   tau;                /**< ADAPTAU_TAU0_FIXED: τ₀, in [1e-30, 1e30], which the host must set; tau_min and tau_max do not
                                      bound it. ADAPTAU_TAU0_LEARNED (experimental.h): the first τ₀, or 0 for the τ₀ of the warm-up.
                                      Other policies: 0. The default is 0                                    */
    double   warmup_delta_mu;    /**< Δμ of the warm-up, in [1e-30, 1e30]; 0.7                               */
    double   tau_min;            /**< bound of τ₀, in [1e-30, 1e30]; 0.03                                    */
    double   tau_max;            /**< bound of τ₀, likewise; 10                                              */
    double   divisor;            /**< 2β of Eq. 15 and 16, in [1e-30, 1e30]; 2. ADAPTAU_TAU_USER_RELEASED (experimental.h): t₂; 1 */
    double   threshold_quantile; /**< in [0, 1). Above 0: the threshold is this quantile of the L_u. 0: it is their mean; 0 */
    double   degree_quantile;    /**< in [0, 1). Above 0: μ₊, σ₊², μ, σ² and L count only users whose degree is above this quantile of
                                      the degrees (0.2 in the authors' program), or all users where no degree is. 0: all users; 0 */
    int32_t  exact_sample;       /**< users sampled by ADAPTAU_TAU0_EXACT, at least 1; 1024                  */
    int32_t  reserved;           /**< 0                                                                      */
    double   learning_rate;      /**< Adam's step in log τ of learned temperatures (experimental.h), 0 or in [1e-30, 10]; 0.01 with
                                      ADAPTAU_TAU_USER_LEARNED, 0.0002 with other policies                   */
} adaptau_temperature_options;

/** Write the defaults of two policies. Thread-safety: any thread.
 *  @param[in,out] options  struct_size set by the caller
 *  @param[in]     tau0_policy      ADAPTAU_TAU0_*, which is written, too
 *  @param[in]     tau_user_policy  ADAPTAU_TAU_USER_*, likewise
 *  @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_temperature_options_init(adaptau_temperature_options *options, int32_t tau0_policy,
                                                            int32_t tau_user_policy, adaptau_error *error);

/** @param[in] dataset  the interactions trained on; borrowed: must outlive the temperature
 *  @param[in] options  NULL: the defaults of ADAPTAU_TAU0_FIRST_ORDER and ADAPTAU_TAU_USER_NONE
 *  @return E_ARGUMENT, E_ABI, E_MEMORY; E_NUMERIC for a number that is not finite. Until the first update τ₀ is that of the warm-up,
 *          or `tau` where the policy has one. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_temperature_create(adaptau_context *context, const adaptau_dataset *dataset,
                                                      const adaptau_temperature_options *options,
                                                      adaptau_temperature **out, adaptau_error *error);

/** A new temperature for a dataset with more users or items, for a model that has grown (adaptau_model_grow); `temperature`
 *  stays as it is. Options, τ₀, the number of updates and what users have (observed losses, τ_u, learned temperatures) are
 *  taken over; new users start at τ₀.
 *  @param[in] dataset  the interactions to be trained on; borrowed: must outlive the new temperature
 *  @return E_ARGUMENT; E_SHAPE for a dataset with fewer users or items; E_MEMORY. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_temperature_grow(const adaptau_temperature *temperature, const adaptau_dataset *dataset,
                                                    adaptau_temperature **out, adaptau_error *error);

/** A new temperature beside a model of adaptau_model_remap, by the same map; `temperature` stays as it is. Kept users have what they had,
 *  as with adaptau_temperature_grow, and new ones start at τ₀. Nothing of a removed user is in it: where somebody is removed,
 *  `tau_user_min` and `tau_user_max` of the state are those of the users that there are now.
 *  @param[in] dataset  by the new numbers; borrowed: must outlive the new temperature
 *  @param[in] map      not needed after the call
 *  @return E_ARGUMENT, E_ABI; E_SHAPE, E_INDEX as adaptau_model_remap; E_MEMORY. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_temperature_remap(const adaptau_temperature *temperature, const adaptau_dataset *dataset,
                                                     const adaptau_row_map *map, adaptau_temperature **out, adaptau_error *error);

/** NULL is fine. Since 1.0. */
ADAPTAU_API void adaptau_temperature_destroy(adaptau_temperature *temperature);

/** Measure the tables and set τ₀, then τ_u from the unit-temperature losses observed so far. Once per epoch.
 *
 *      μ  = mean(ê_u)·mean(ê_i)          σ²  = tr(M_u M_i) − μ²,  M = mean ê êᵀ
 *      μ₊ = mean of f over the interactions     σ₊² = mean of f² over the interactions − μ₊²
 *
 *  Means over interactions are by their weights a, Σ a f/Σ a; μ, σ² and L = log(n m/(2|D|)) know no weights: Eq. 11 asks how much
 *  of the softmax falls to a user's distinct items, and an item that is played ten times is in the sum once. Likewise they know no
 *  logged negatives, which count in the losses at temperature 1 alone, and so in τ_u.
 *
 *  O((n + m) d² + |D| d); the exact root adds about ten forward passes over its sample. Where Δμ <= 0 the previous τ₀ stays;
 *  where L <= 0 (the positives are half of everything or more) Eq. 14 and 34 give tau_max.
 *  @return E_ARGUMENT, E_ABI; E_SHAPE when the tables do not fit the dataset; E_NUMERIC names the first non-finite row; E_STATE on
 *          an empty dataset; E_MEMORY, E_CALLBACK. The state is unchanged after a failure. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_temperature_update(adaptau_temperature *temperature, const adaptau_tables *tables,
                                                      adaptau_error *error);

/** Hand in users' losses at temperature 1, for hosts that compute them without a model. adaptau_softmax and adaptau_loss_gradients
 *  write what this call takes: row_unit_loss and row_terms of adaptau_loss_output. adaptau_model_gradients makes this call by itself.
 *
 *  A user's L_u is the weighted mean of the losses that came since the last update. This is so where a row is a user and where it is
 *  an interaction. A user for whom no loss came keeps its L_u. A user who never had a loss has τ_u = τ₀. Losses of users without
 *  interactions are skipped.
 *  @param[in] users        [n] whose losses these are; NULL: 0 … n − 1
 *  @param[in] unit_losses  [n] finite
 *  @param[in] weights      [n] finite, >= 0: what each loss is a mean of, that is row_terms; a loss of weight 0 is skipped. NULL: 1
 *                          each, which is right where every row has equally many positives
 *  @return E_INDEX names the first bad user, E_NUMERIC the first loss or weight that is not finite, E_ARGUMENT the first negative
 *          weight: no loss is taken then. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_temperature_add_losses(adaptau_temperature *temperature, int32_t n, const int32_t *users,
                                                          const float *unit_losses, const float *weights,
                                                          adaptau_error *error);

/** Temperatures of a batch's rows, for adaptau_row_temperatures.
 *  @param[in]  users       [n]; NULL: 0 … n − 1
 *  @param[out] candidates  [n] τ of the sum
 *  @param[out] positives   [n] τ⁺, or NULL; differs from candidates for ADAPTAU_TAU_USER_RELEASED (experimental.h) only
 *  @return E_ARGUMENT; E_INDEX names the first bad user. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_temperature_rows(const adaptau_temperature *temperature, int32_t n, const int32_t *users,
                                                    float *candidates, float *positives, adaptau_error *error);

#define ADAPTAU_TEMPERATURE_WARMING_UP (UINT32_C(1) << 0)     /**< τ₀ came from warmup_delta_mu               */
#define ADAPTAU_TEMPERATURE_KEPT (UINT32_C(1) << 1)           /**< Δμ <= 0: the previous τ₀ stayed            */
#define ADAPTAU_TEMPERATURE_RADICAND (UINT32_C(1) << 2)       /**< Eq. 34's radicand was negative, taken as 0 */
#define ADAPTAU_TEMPERATURE_BOUNDED (UINT32_C(1) << 3)        /**< tau_min or tau_max took effect             */
#define ADAPTAU_TEMPERATURE_NOT_BRACKETED (UINT32_C(1) << 4)  /**< Eq. 11 has no root within the bounds       */

/** What the last update did. Before the first update τ₀ is that of the warm-up, and all moments are 0. Since 1.0. */
typedef struct adaptau_temperature_state {
    uint32_t struct_size;       /**< sizeof(adaptau_temperature_state), set by the caller                    */
    uint32_t flags;             /**< ADAPTAU_TEMPERATURE_*                                                   */
    int64_t  n_updates;         /**< updates so far                                                          */
    int64_t  n_users_counted;   /**< users above the degree quantile                                         */
    int64_t  n_users_clamped;   /**< users at τ₀/e                                                           */
    int64_t  n_users_observed;  /**< users that had a unit-temperature loss                                  */
    double   tau0;              /**< τ₀                                                                      */
    double   log_ratio;         /**< L; 0 for an empty dataset                                               */
    double   mean_all;          /**< μ                                                                       */
    double   variance_all;      /**< σ²                                                                      */
    double   mean_positive;     /**< μ₊                                                                      */
    double   variance_positive; /**< σ₊²                                                                     */
    double   threshold;         /**< what L_u was compared with; 0 when nothing was                         */
    double   tau_user_min;      /**< smallest τ_u                                                            */
    double   tau_user_max;      /**< largest τ_u                                                             */
} adaptau_temperature_state;

/** @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_temperature_get_state(const adaptau_temperature *temperature,
                                                         adaptau_temperature_state *out, adaptau_error *error);

/** τ[u] for every user, [n]. The array lives as long as the object. Each update rewrites it: do not read it during an update. NULL for
 *  NULL. Since 1.0. */
ADAPTAU_API const float *adaptau_temperature_user_taus(const adaptau_temperature *temperature);

/** L_u of every user, [n], NaN for a user without a loss so far. The array lives as long as the object, and
 *  adaptau_temperature_add_losses rewrites it. NULL for NULL. Since 1.0. */
ADAPTAU_API const float *adaptau_temperature_unit_losses(const adaptau_temperature *temperature);

/** Put a state back that adaptau_temperature_get_state gave, with the users' losses: for hosts that keep checkpoints of their
 *  own. Until the next update τ_u is τ₀.
 *  @param[in] unit_losses  [n] as adaptau_temperature_unit_losses gave them, NaN for a user without a loss; NULL: no user has one
 *  @return E_ABI; E_ARGUMENT, E_NUMERIC for a bad τ₀ or count, E_NUMERIC for an infinite loss; E_STATE for learned
 *          temperatures. The state is unchanged after a failure. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_temperature_set_state(adaptau_temperature *temperature,
                                                         const adaptau_temperature_state *state, const float *unit_losses,
                                                         adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
