/* SPDX-License-Identifier: MIT */
/** @file base.h
 *  Status codes, the caller-owned error, version and build information. Every other header includes this one. */
#ifndef ADAPTAU_BASE_H
#define ADAPTAU_BASE_H

#include <stddef.h>
#include <stdint.h>

/** Marks what the library exports. ADAPTAU_STATIC may be defined where the static library is linked. On Windows a list of the
 *  functions, made of these headers, tells the linker. */
#if defined(ADAPTAU_STATIC) || defined(_WIN32) || !(defined(__GNUC__) || defined(__clang__))
#define ADAPTAU_API
#else
#define ADAPTAU_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** The major version. A library with another major version is incompatible and has another soname. */
#define ADAPTAU_VERSION_MAJOR 1
/** The minor version. A later minor version adds functions, members and constants. */
#define ADAPTAU_VERSION_MINOR 0
/** The patch version. A later patch version repairs the library and leaves the interface as it is. */
#define ADAPTAU_VERSION_PATCH 0
/** The version of the headers that the host was compiled with. adaptau_version() is the version of the library that is loaded. */
#define ADAPTAU_VERSION_NUMBER (ADAPTAU_VERSION_MAJOR * 10000 + ADAPTAU_VERSION_MINOR * 100 + ADAPTAU_VERSION_PATCH)

/** What a call that can fail returns: ADAPTAU_OK or one of the ADAPTAU_E_* codes. The numbers never change. The comment of a call
 *  lists the codes that it can return, except two that any call can return: E_ARGUMENT for a NULL handle, and E_STATE for an object
 *  that is in use.
 *
 *  A bad number gets its status by one rule in all calls. A number that is not finite (NaN or an infinity) is E_NUMERIC. A finite
 *  number outside its range is E_ARGUMENT. A temperature of NaN is E_NUMERIC, for example, and a temperature of 0 or below is
 *  E_ARGUMENT. Since 1.0. */
typedef int32_t adaptau_status;

#define ADAPTAU_OK 0 /**< done                                                                                  */
#define ADAPTAU_E_ARGUMENT 1 /**< a NULL, an unknown constant, a finite number outside its range              */
#define ADAPTAU_E_ABI 2      /**< a struct_size that this library does not understand                         */
#define ADAPTAU_E_SHAPE 3    /**< sizes, strides or offsets that disagree                                     */
#define ADAPTAU_E_INDEX 4    /**< a user or item id outside its table, or out of order                        */
#define ADAPTAU_E_NUMERIC 5  /**< NaN or infinity in what the host passed, or in a result                     */
#define ADAPTAU_E_MEMORY 6   /**< the allocator returned NULL                                                 */
#define ADAPTAU_E_STATE 7    /**< the call is not possible now: another call has to come first, or another call is using the object */
#define ADAPTAU_E_IO 8       /**< the operating system refused a file operation; the message has its reason   */
#define ADAPTAU_E_FORMAT 9   /**< a file that is not what it claims to be                                     */
#define ADAPTAU_E_THREAD 10  /**< the system could not start a thread                                         */
#define ADAPTAU_E_CANCELLED 11 /**< a callback of the host's asked the call to end                            */
#define ADAPTAU_E_CALLBACK 12  /**< a callback of the host's failed: its executor, its reduction, its reader or writer */
#define ADAPTAU_E_UNSUPPORTED 13 /**< this build, this CPU or this encoder cannot do it                       */

/** Where a failed call leaves its explanation. The caller owns it, may pass NULL, and may copy it freely.
 *  A call that succeeds does not write to it. The layout (256 bytes) is final. Since 1.0. */
typedef struct adaptau_error {
    adaptau_status status;       /**< the returned status                                                    */
    int32_t        os_error;     /**< errno of the failed system call, or 0                                  */
    char           message[248]; /**< one line of UTF-8: argument, index and value; always terminated        */
} adaptau_error;

/** The constant's name without the prefix, "E_SHAPE" for example; "E_UNKNOWN" for an unknown number.
 *  Never NULL, static storage. Thread-safety: any thread. Since 1.0. */
ADAPTAU_API const char *adaptau_status_name(adaptau_status status);

/** ADAPTAU_VERSION_NUMBER of the library that is loaded, which may differ from the headers. Since 1.0. */
ADAPTAU_API int32_t adaptau_version(void);

/** The version of the library that is loaded, as text: "1.0.0". Never NULL, static storage. Since 1.0. */
ADAPTAU_API const char *adaptau_version_string(void);

#define ADAPTAU_FEATURE_BLIS (UINT64_C(1) << 0)   /**< built with BLIS                                        */
#define ADAPTAU_FEATURE_AVX2 (UINT64_C(1) << 1)   /**< holds AVX2 + FMA kernels                               */
#define ADAPTAU_FEATURE_AVX512 (UINT64_C(1) << 2) /**< holds AVX-512 kernels                                  */
#define ADAPTAU_FEATURE_NEON (UINT64_C(1) << 3)   /**< holds NEON kernels                                     */

/** The ADAPTAU_FEATURE_* bits that this library was built with. The CPU may be able to run fewer: adaptau_context_backend tells what
 *  is used. Since 1.0. */
ADAPTAU_API uint64_t adaptau_features(void);

/** One line for bug reports: version, compiler, backends. Never NULL, static storage. Since 1.0. */
ADAPTAU_API const char *adaptau_build_info(void);

#ifdef __cplusplus
}
#endif

#endif
