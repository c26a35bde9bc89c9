/* SPDX-License-Identifier: MIT */
/** @file context.h
 *  Threads, memory, log and CPU choice. Nothing global exists beside a context. */
#ifndef ADAPTAU_CONTEXT_H
#define ADAPTAU_CONTEXT_H

#include <adaptau/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Threads, allocator, log callback and kernel choice. Every object is made from a context and must be destroyed before it.
 *  Thread-safety: a context may serve objects on several threads at once. While its pool is busy with one call,
 *  another call computes on its own thread, with the same result. After fork() the child may go on using it (on one
 *  thread) and may destroy it.
 *
 *  On the host's own threads:
 *  @snippet 03-your-own-threads.c context */
typedef struct adaptau_context adaptau_context;

/** One lane of a parallel call: run it once for every index in [0, n_lanes). */
typedef void (*adaptau_lane_function)(void *argument, int32_t lane);

/** The host's own threads. Runs `lane(argument, i)` exactly once for every i in [0, n_lanes), in any order and on any
 *  threads, and returns when all have returned. A lane never waits for another one, so running them one after the
 *  other is correct. Work that is not divided runs on the thread that called the library, and the executor isn't asked.
 *  @return 0, or anything else when it could not: the library's call then fails with E_CALLBACK. In that case too it returns only
 *          when the lanes that it has started have returned. */
typedef int32_t (*adaptau_executor_function)(void *user_data, int32_t n_lanes, adaptau_lane_function lane, void *argument);

/** @return `size` bytes aligned to `alignment` (a power of two of at most 4096), or NULL. Called on the thread that called the
 *  library only, never from a lane. */
typedef void *(*adaptau_allocate_function)(void *user_data, size_t size, size_t alignment);
/** Gives back what adaptau_allocate_function returned, with the same size. */
typedef void (*adaptau_free_function)(void *user_data, void *block, size_t size);

#define ADAPTAU_LOG_INFO 0    /**< what the library has chosen                                                  */
#define ADAPTAU_LOG_WARNING 1 /**< what the host may want to change                                             */

/** Receives one line without a newline, on a thread that is inside a call of the library. */
typedef void (*adaptau_log_function)(void *user_data, int32_t level, const char *line);

#define ADAPTAU_BACKEND_AUTO 0      /**< the fastest one for this CPU                                         */
#define ADAPTAU_BACKEND_REFERENCE 1 /**< plain C: defines what is correct                                     */
#define ADAPTAU_BACKEND_BLIS 2      /**< products by BLIS                                                     */
#define ADAPTAU_BACKEND_NATIVE 3    /**< products by the library's own AVX2, AVX-512 or NEON kernels          */

#define ADAPTAU_CPU_AVX2 (UINT64_C(1) << 0)   /**< AVX2 and FMA                                               */
#define ADAPTAU_CPU_AVX512 (UINT64_C(1) << 1) /**< AVX-512 F, BW, DQ and VL                                   */
#define ADAPTAU_CPU_AVX512_BF16 (UINT64_C(1) << 2) /**< AVX-512 BF16, beside ADAPTAU_CPU_AVX512               */
#define ADAPTAU_CPU_NEON (UINT64_C(1) << 3)   /**< NEON of arm64                                              */
#define ADAPTAU_CPU_AVX512_VNNI (UINT64_C(1) << 4) /**< AVX-512 VNNI, beside ADAPTAU_CPU_AVX512               */
#define ADAPTAU_CPU_NEON_BF16 (UINT64_C(1) << 5) /**< BF16 of arm64 (BFMMLA), beside ADAPTAU_CPU_NEON        */

#define ADAPTAU_BFLOAT16_IF_FASTER 0   /**< where this CPU multiplies them faster than float32, as measured   */
#define ADAPTAU_BFLOAT16_IF_POSSIBLE 1 /**< on every CPU that can, for the same numbers on all of these; it may be slower */

/** A struct whose members are 0, except struct_size, means: one thread for each CPU that the process may use, memory by
 *  aligned_alloc, no log, the fastest kernels. Since 1.0. */
typedef struct adaptau_context_options {
    uint32_t                  struct_size; /**< sizeof(adaptau_context_options)                              */
    int32_t                   n_threads;   /**< threads that compute, the caller's included; <= 1024. 0: the CPUs that the process may
                                            use, by its affinity mask and the quota of its control group  */
    int32_t                   backend;     /**< ADAPTAU_BACKEND_*                                            */
    int32_t                   bfloat16;    /**< ADAPTAU_BFLOAT16_*: when products that ask for bfloat16 get it */
    uint64_t                  cpu_disable; /**< ADAPTAU_CPU_* not to be used although the CPU has them       */
    adaptau_executor_function executor;    /**< NULL: an own pool of n_threads - 1 threads                   */
    void                     *executor_data; /**< user_data of executor                                   */
    adaptau_allocate_function allocate;    /**< NULL (then free too): aligned_alloc                          */
    adaptau_free_function     free;        /**< gives back what allocate returned                            */
    void                     *allocator_data; /**< user_data of allocate and free                        */
    adaptau_log_function      log;         /**< NULL: silence                                                */
    void                     *log_data;    /**< user_data of log                                             */
} adaptau_context_options;

/** Make a context and start its pool.
 *  @param[in]  options  NULL for the defaults. The struct is not needed after the call. What its pointers point to must outlive
 *                       the context
 *  @param[out] out      new context; left untouched on failure
 *  @return E_ARGUMENT, E_ABI; E_UNSUPPORTED when the backend is not built in or the CPU cannot run it; E_MEMORY, E_THREAD, E_CALLBACK.
 *  Since 1.0. */
ADAPTAU_API adaptau_status adaptau_context_create(const adaptau_context_options *options, adaptau_context **out,
                                                  adaptau_error *error);

/** Join the pool and free the context. Every object made from it must be gone. NULL is fine. Since 1.0. */
ADAPTAU_API void adaptau_context_destroy(adaptau_context *context);

#define ADAPTAU_PROGRESS_RANKING 0  /**< counts users for whom items are scored: evaluation, likelihood, ranking */
#define ADAPTAU_PROGRESS_SPECTRAL 1 /**< counts sparse products of ADAPTAU_INIT_SPECTRAL                      */
#define ADAPTAU_PROGRESS_TARGETS 2  /**< counts sparse products of soft targets                               */
#define ADAPTAU_PROGRESS_FOLD_IN 3  /**< counts users who are folded in                                       */

/** How far a long call is. Called on the thread that called the library, between pieces of the work and at its end, a few dozen times
 *  at most but for fold-in, which calls it for every 512 users. It must not use the objects that the call is using.
 *  @param what  ADAPTAU_PROGRESS_*; a later library may have others
 *  @param done  > 0, of `total`
 *  @return 0: go on. Anything else ends the call with E_CANCELLED; what it would have written is then as after E_CALLBACK. */
typedef int32_t (*adaptau_progress_function)(void *user_data, int32_t what, int64_t done, int64_t total);

/** Have long calls of all objects of the context tell how far they are, and be able to end them: adaptau_model_create with
 *  ADAPTAU_INIT_SPECTRAL, adaptau_model_update_targets, adaptau_evaluator_run, adaptau_evaluator_log_likelihood, adaptau_rank,
 *  adaptau_model_rank, adaptau_fold_in_create, adaptau_fold_in_users, and what is made of these, such as adaptau_fit. Results are the same
 *  with and without. Not to be called while another call uses the context.
 *  @param[in] function  NULL: nobody is told
 *  @return E_ARGUMENT. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_context_set_progress(adaptau_context *context, adaptau_progress_function function,
                                                        void *user_data, adaptau_error *error);

/** Threads that compute. 0 for NULL. Since 1.0. */
ADAPTAU_API int32_t adaptau_context_n_threads(const adaptau_context *context);

/** What runs the products, "native avx512", "blis 0.9.0 zen3" or "reference" for example. Lives as long as the context; ""
 *  for NULL. Since 1.0. */
ADAPTAU_API const char *adaptau_context_backend(const adaptau_context *context);

/** 1 where products that ask for bfloat16 (ADAPTAU_BFLOAT16, ADAPTAU_MODEL_BFLOAT16) get it, 0 where they are in float32: the
 *  kernels or the CPU cannot, or float32 is as fast there. CPUs differ widely: on one the instructions do twice the work of those
 *  for float32, on another half. The first call that asks measures both, which takes about a millisecond; the answer then stays
 *  for the context. 0 for NULL. Thread-safety: any thread. Since 1.0. */
ADAPTAU_API int32_t adaptau_context_uses_bfloat16(adaptau_context *context);

/** Present and peak bytes held through the context's allocator: the context's own block, its pool, its objects and what a call
 *  is working with. Either pointer may be NULL; 0 for a NULL context. Thread-safety: any thread. Since 1.0. */
ADAPTAU_API void adaptau_context_memory(const adaptau_context *context, uint64_t *present, uint64_t *peak);

#ifdef __cplusplus
}
#endif

#endif
