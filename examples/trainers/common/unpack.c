/* SPDX-License-Identifier: MIT */
/* One struct for three libraries, which all take a window of input and one of output. Each has three functions here: start, go
 * on, stop. A file may be several packed ones, one behind the other, as `cat a.gz b.gz` makes it. */
#include "common/unpack.h"

#include <stdlib.h>
#include <string.h>

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif
#ifdef HAVE_LZMA
#include <lzma.h>
#endif

#include "common/fail.h"

#define CHUNK_SIZE (64 * 1024)
#define XZ_MEMORY (UINT64_C(256) << 20) /* what xz -9 asks for is 65 MiB; a damaged header may ask for anything */

struct unpacker;

/* STEP_END: a packed file is complete, and another may follow. */
enum step { STEP_ON, STEP_END, STEP_DAMAGED };

struct packing {
    const char   *kind;
    unsigned char begin[6];
    size_t        n_begin;
    bool (*start)(struct unpacker *unpacker);
    enum step (*step)(struct unpacker *unpacker);
    void (*stop)(struct unpacker *unpacker);
};

struct unpacker {
    const struct packing *packing;
    const char           *name;
    packed_reader         read;
    void                 *user_data;
    const unsigned char  *in; /* [n_in] packed bytes to come, in the chunk */
    size_t                n_in;
    unsigned char        *out; /* [n_out] where plain ones go */
    size_t                n_out;
    bool                  inside; /* of a packed file: its end must come */
    bool                  exhausted;
#ifdef HAVE_ZLIB
    z_stream zlib;
#endif
#ifdef HAVE_ZSTD
    ZSTD_DStream *zstd;
#endif
#ifdef HAVE_LZMA
    lzma_stream lzma;
#endif
    unsigned char chunk[CHUNK_SIZE];
};

/* ---- gzip ---------------------------------------------------------------------------------------------------------- */

#ifdef HAVE_ZLIB
static bool start_gzip(struct unpacker *unpacker)
{
    return inflateInit2(&unpacker->zlib, 15 + 16) == Z_OK;
}

static enum step step_gzip(struct unpacker *u)
{
    u->zlib.next_in = (z_const Bytef *)u->in;
    u->zlib.avail_in = (uInt)u->n_in;
    u->zlib.next_out = u->out;
    u->zlib.avail_out = (uInt)u->n_out;
    int code = inflate(&u->zlib, Z_NO_FLUSH);
    u->in = u->zlib.next_in;
    u->n_in = u->zlib.avail_in;
    u->out = u->zlib.next_out;
    u->n_out = u->zlib.avail_out;
    if (code == Z_STREAM_END)
        return inflateReset(&u->zlib) == Z_OK ? STEP_END : STEP_DAMAGED;
    return code == Z_OK || code == Z_BUF_ERROR ? STEP_ON : STEP_DAMAGED;
}

static void stop_gzip(struct unpacker *unpacker)
{
    inflateEnd(&unpacker->zlib);
}
#else
#define start_gzip NULL
#define step_gzip NULL
#define stop_gzip NULL
#endif

/* ---- zstd ---------------------------------------------------------------------------------------------------------- */

#ifdef HAVE_ZSTD
static bool start_zstd(struct unpacker *unpacker)
{
    unpacker->zstd = ZSTD_createDStream();
    return unpacker->zstd != NULL;
}

static enum step step_zstd(struct unpacker *u)
{
    ZSTD_inBuffer  in = {u->in, u->n_in, 0};
    ZSTD_outBuffer out = {u->out, u->n_out, 0};
    size_t         code = ZSTD_decompressStream(u->zstd, &out, &in);
    u->in += in.pos;
    u->n_in -= in.pos;
    u->out += out.pos;
    u->n_out -= out.pos;
    return ZSTD_isError(code) ? STEP_DAMAGED : code == 0 ? STEP_END : STEP_ON;
}

static void stop_zstd(struct unpacker *unpacker)
{
    ZSTD_freeDStream(unpacker->zstd);
}
#else
#define start_zstd NULL
#define step_zstd NULL
#define stop_zstd NULL
#endif

/* ---- xz ------------------------------------------------------------------------------------------------------------ */

#ifdef HAVE_LZMA
static bool start_xz(struct unpacker *unpacker)
{
    unpacker->lzma = (lzma_stream)LZMA_STREAM_INIT;
    return lzma_stream_decoder(&unpacker->lzma, XZ_MEMORY, LZMA_CONCATENATED) == LZMA_OK;
}

static enum step step_xz(struct unpacker *u)
{
    u->lzma.next_in = u->in;
    u->lzma.avail_in = u->n_in;
    u->lzma.next_out = u->out;
    u->lzma.avail_out = u->n_out;
    lzma_ret code = lzma_code(&u->lzma, u->exhausted && u->n_in == 0 ? LZMA_FINISH : LZMA_RUN);
    u->in = u->lzma.next_in;
    u->n_in = u->lzma.avail_in;
    u->out = u->lzma.next_out;
    u->n_out = u->lzma.avail_out;
    return code == LZMA_STREAM_END ? STEP_END : code == LZMA_OK || code == LZMA_BUF_ERROR ? STEP_ON : STEP_DAMAGED;
}

static void stop_xz(struct unpacker *unpacker)
{
    lzma_end(&unpacker->lzma);
}
#else
#define start_xz NULL
#define step_xz NULL
#define stop_xz NULL
#endif

/* ---- all of them --------------------------------------------------------------------------------------------------- */

static const struct packing packings[] = {
    {"gzip", {0x1F, 0x8B}, 2, start_gzip, step_gzip, stop_gzip},
    {"zstd", {0x28, 0xB5, 0x2F, 0xFD}, 4, start_zstd, step_zstd, stop_zstd},
    {"xz", {0xFD, '7', 'z', 'X', 'Z', 0}, 6, start_xz, step_xz, stop_xz},
};

static const struct packing *find_packing(const char *kind)
{
    for (size_t i = 0; i < sizeof packings / sizeof *packings; i++)
        if (strcmp(packings[i].kind, kind) == 0)
            return &packings[i];
    return NULL;
}

const char *unpack_kind(const unsigned char *begin, size_t n)
{
    for (size_t i = 0; i < sizeof packings / sizeof *packings; i++)
        if (n >= packings[i].n_begin && memcmp(begin, packings[i].begin, packings[i].n_begin) == 0)
            return packings[i].kind;
    return NULL;
}

bool unpack_is_built_in(const char *kind)
{
    const struct packing *packing = find_packing(kind);
    return packing && packing->start;
}

adaptau_status unpack_open(struct unpacker **out, const char *kind, const char *name, const unsigned char *begin, size_t n,
                           packed_reader read, void *user_data, adaptau_error *error)
{
    struct unpacker *unpacker = calloc(1, sizeof *unpacker);
    *out = NULL;
    if (!unpacker || n > CHUNK_SIZE) {
        free(unpacker);
        return fail_memory(error, "unpacking");
    }
    unpacker->packing = find_packing(kind);
    unpacker->name = name;
    unpacker->read = read;
    unpacker->user_data = user_data;
    memcpy(unpacker->chunk, begin, n);
    unpacker->in = unpacker->chunk;
    unpacker->n_in = n;
    if (!unpacker->packing->start(unpacker)) {
        free(unpacker);
        return fail_memory(error, "unpacking");
    }
    *out = unpacker;
    return ADAPTAU_OK;
}

static adaptau_status refuse(const struct unpacker *unpacker, const char *what, adaptau_error *error)
{
    return fail(error, ADAPTAU_E_FORMAT, "%s: the %s data are %s", shown_path(unpacker->name), unpacker->packing->kind, what);
}

static adaptau_status refill(struct unpacker *unpacker, adaptau_error *error)
{
    if (unpacker->n_in > 0 || unpacker->exhausted)
        return ADAPTAU_OK;
    unpacker->in = unpacker->chunk;
    adaptau_status status = unpacker->read(unpacker->user_data, unpacker->chunk, CHUNK_SIZE, &unpacker->n_in, error);
    unpacker->exhausted = unpacker->n_in == 0;
    return status;
}

/* One step; *over when the last packed file is complete. */
static adaptau_status advance(struct unpacker *unpacker, bool *over, adaptau_error *error)
{
    adaptau_status status = refill(unpacker, error);
    if (status)
        return status;
    if (unpacker->exhausted && unpacker->n_in == 0 && !unpacker->inside) {
        *over = true;
        return ADAPTAU_OK;
    }
    size_t    n_in = unpacker->n_in, n_out = unpacker->n_out;
    enum step step = unpacker->packing->step(unpacker);
    bool      moved = n_in != unpacker->n_in || n_out != unpacker->n_out;
    unpacker->inside = step == STEP_ON;
    if (step == STEP_DAMAGED)
        return refuse(unpacker, "damaged", error);
    if (step == STEP_ON && !moved && unpacker->exhausted)
        return refuse(unpacker, "cut off", error);
    return ADAPTAU_OK;
}

adaptau_status unpack_read(struct unpacker *unpacker, unsigned char *into, size_t size, size_t *n, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    bool           over = false;
    unpacker->out = into;
    unpacker->n_out = size;
    while (!status && !over && unpacker->n_out > 0)
        status = advance(unpacker, &over, error);
    *n = size - unpacker->n_out;
    return status;
}

void unpack_close(struct unpacker *unpacker)
{
    if (!unpacker)
        return;
    unpacker->packing->stop(unpacker);
    free(unpacker);
}
