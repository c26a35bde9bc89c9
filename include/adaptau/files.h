/* SPDX-License-Identifier: MIT */
/** @file files.h
 *  Models and checkpoints in files, in the host's memory and in what the host writes to; tables for other programs.
 *
 *  | | a file | a function of the host's, or its memory |
 *  | --- | --- | --- |
 *  | a model | adaptau_model_save, _save_with | adaptau_model_save_to |
 *  | half as large, for serving | adaptau_model_save_half | adaptau_model_save_half_to |
 *  | back, as a copy | adaptau_model_load, _load_with | adaptau_model_load_from |
 *  | back, read-only and not copied | adaptau_model_map | adaptau_model_view |
 *  | all that a training goes on from | adaptau_model_save_checkpoint | adaptau_model_save_checkpoint_to |
 *  | back | adaptau_model_load_checkpoint | adaptau_model_load_checkpoint_from |
 *  | tables alone | adaptau_model_export_npy, _export_index | adaptau_model_get_tables |
 *
 *  Paths are bytes as the system has them, on Windows UTF-8. The bytes are the same in both columns. docs/files.md describes them. */
#ifndef ADAPTAU_FILES_H
#define ADAPTAU_FILES_H

#include <adaptau/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Write the final embeddings as safetensors: tensors "user_embeddings" [n, d] and "item_embeddings" [m, d] in F32, "item_bias"
 *  [m, 1] where there is one, with LightGCN and SimpleX also "raw_user_embeddings" and "raw_item_embeddings", with SimpleX
 *  "encoder_parameters" [d, d] (V), what adaptau_model_set_fold_in said, and metadata that adaptau_model_load understands.
 *  Atomic: a temporary file in the same folder, fsync, rename, fsync of the folder; the old file is whole until the new one is.
 *  @return E_ARGUMENT; E_IO with os_error. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_save(const adaptau_model *model, const char *path, adaptau_error *error);

/** Read what adaptau_model_save wrote (or any safetensors file with those two tensors, in F32, F16 or BF16) into a model with
 *  own memory and a fresh optimiser. The interactions of LightGCN and SimpleX are not in the file: such a model scores, saves
 *  and exports, and adaptau_model_gradients is E_STATE. To go on training, create a model from its dataset by
 *  ADAPTAU_INIT_HOST on a copy of the raw tables (and, with SimpleX, of adaptau_model_get_encoder_parameters).
 *  @return E_ARGUMENT, E_IO, E_FORMAT (also for a checksum that is not that of the content), E_MEMORY, E_CALLBACK; E_NUMERIC for a
 *          non-finite entry. Never allocates more than the file's size and the optimiser's state. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_load(adaptau_context *context, const char *path, adaptau_model **out,
                                              adaptau_error *error);

#define ADAPTAU_ATTACHMENTS_MAX 8      /**< in one file                                                        */
#define ADAPTAU_ATTACHMENT_NAME_MAX 64 /**< bytes                                                              */

/** Bytes of the host's that belong to a model: names of users and items, a version, where the data came from. In the file they
 *  are a tensor "host.NAME" of U8 [size], which other readers of safetensors give as an array of bytes. The layout is final. Since
 *  1.0. */
typedef struct adaptau_attachment {
    const char *name;  /**< 1 to ADAPTAU_ATTACHMENT_NAME_MAX of a-z, 0-9 and _                               */
    const void *bytes; /**< [size]; NULL is fine where size is 0                                             */
    int64_t     size;  /**< >= 0                                                                             */
} adaptau_attachment;

/** adaptau_model_save with attachments, in one file, which is always the old one or the new one as a whole. The file ends in a checksum of
 *  all that is before it. So attachments always belong to the model that they are read with.
 *  @param[in] attachments  [n] of different names, 0 <= n <= ADAPTAU_ATTACHMENTS_MAX
 *  @return as adaptau_model_save; E_SHAPE for sizes that no memory has. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_save_with(const adaptau_model *model, const char *path, int32_t n,
                                                   const adaptau_attachment *attachments, adaptau_error *error);

/** Called on the thread that called the library, with one attachment, which is valid during the call.
 *  @return 0, or anything else for a failure: the call is E_CALLBACK then. */
typedef int32_t (*adaptau_attachment_function)(void *user_data, const adaptau_attachment *attachment);

/** adaptau_model_load, which also hands over what adaptau_model_save_with attached, in the file's order. A file that ends in a
 *  checksum is read only when that is right, and one with attachments has to have one.
 *  @param[in] take  called for each; NULL: attachments are not read
 *  @return as adaptau_model_load. Attachments that came before a failure have been handed over. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_load_with(adaptau_context *context, const char *path,
                                                   adaptau_attachment_function take, void *user_data, adaptau_model **out,
                                                   adaptau_error *error);

/** Takes the next bytes of a file that the library writes, on the thread that called the library. The bytes are valid during the
 *  call. Small pieces come together as one of at most 16 KiB; a larger table comes as one piece if its rows are contiguous.
 *  @param size  > 0
 *  @return 0, or anything else for a failure: the call is E_CALLBACK then, and no more bytes come. */
typedef int32_t (*adaptau_write_function)(void *user_data, const void *bytes, int64_t size);

/** adaptau_model_save_with, byte for byte, into a function of the host's instead of a file: an object store, a socket, a database.
 *  The model is being read meanwhile: the function may make calls that only read it, and no others.
 *  @param[in] attachments  [n] as in adaptau_model_save_with; NULL is fine where n is 0
 *  @return E_ARGUMENT, E_SHAPE as adaptau_model_save_with; E_CALLBACK when `write` failed: what it took is the beginning of a
 *          file; of LightGCN and SimpleX E_MEMORY. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_save_to(const adaptau_model *model, adaptau_write_function write, void *user_data, int32_t n,
                                                 const adaptau_attachment *attachments, adaptau_error *error);

/** adaptau_model_save_with for serving, in half the size: the embeddings, and the raw tables of LightGCN and SimpleX, are F16, IEEE 754
 *  binary16, rounded to nearest. All else stays F32. adaptau_model_load, _map and all that reads models read such a file; a checkpoint
 *  is never one.
 *
 *  A number x is off by at most 2⁻¹¹ |x| then, where |x| >= 2⁻¹⁴, and a score of rows of length 1 by less than 1e-3; on Gowalla by
 *  2.3e-4 at most, and recall@20 by 1e-5 (docs/files.md). BF16 would have three bits less, and its wider range is of no use to such
 *  rows. Rows on the unit sphere come back to length 1 where they are read.
 *  @snippet 10-serving.c half
 *  @param[in] attachments  [n] as in adaptau_model_save_with; NULL is fine where n is 0
 *  @return as adaptau_model_save_with; E_MEMORY; E_NUMERIC names the first row with a number that is not below 65520, or without one
 *          above 2⁻¹⁴, of which too little would be left: nothing is written then. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_save_half(const adaptau_model *model, const char *path, int32_t n,
                                                   const adaptau_attachment *attachments, adaptau_error *error);

/** adaptau_model_save_half, byte for byte, into a function of the host's, as adaptau_model_save_to.
 *  @return as adaptau_model_save_half, with E_CALLBACK of `write` in the place of E_IO. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_save_half_to(const adaptau_model *model, adaptau_write_function write, void *user_data, int32_t n,
                                                      const adaptau_attachment *attachments, adaptau_error *error);

/** adaptau_model_load_with of a file that is in the host's memory. The model has its own copy of what it needs.
 *  @param[in] bytes  [size] at any address; not needed after the call
 *  @param[in] take   called for each attachment; NULL: they are not read
 *  @return as adaptau_model_load_with, without E_IO. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_load_from(adaptau_context *context, const void *bytes, int64_t size,
                                                   adaptau_attachment_function take, void *user_data, adaptau_model **out,
                                                   adaptau_error *error);

/** A model whose tables are a file that the library maps into memory, for serving: nothing is copied, all processes that map the
 *  file share its pages, and the memory of the model is less than 64 KiB besides what readers take, however large the tables are.
 *  It ranks, folds users in, saves, exports and grows (into a model with own memory) as one of adaptau_model_load does. It cannot
 *  be trained: adaptau_model_gradients, _apply, _refresh, _set_item_bias, _update_targets, _contrast and _update_prototypes are
 *  E_STATE. The call reads the whole file once, to check the checksum, where there is one, and that all entries are finite.
 *
 *  Of adaptau_model_save_half's files the tables stay F16: rows are widened as they are scored, a few at a time, and lists and scores
 *  have the bits that adaptau_model_load's float32 tables give. Nobody can point to float32 rows of such a model, so that
 *  adaptau_model_get_tables, _get_raw_tables and _update_temperature are E_UNSUPPORTED.
 *
 *  The file must not change while the model exists. To replace it, save to the same path: the library's files appear by a rename, so
 *  that this model keeps the old file until it is destroyed. Windows replaces no file that is mapped: there the save fails with E_IO
 *  until the model is destroyed, and the old file stays. If a program writes over the file in place, scores change and may not be
 *  finite; if a program makes the file shorter, a signal (SIGBUS) ends the process.
 *  @param[in] take  called for each attachment, which lies in a copy; NULL: they are not read
 *  @return as adaptau_model_load_with; E_UNSUPPORTED for tables in BF16, for tensors that do not begin at a multiple of
 *          their numbers' size, which this library never writes, and where the system or the file system cannot map files:
 *          adaptau_model_load reads them all. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_map(adaptau_context *context, const char *path, adaptau_attachment_function take,
                                             void *user_data, adaptau_model **out, adaptau_error *error);

/** adaptau_model_map of a file that is in the host's memory already, by a mapping of the host's, in shared memory or as a part of
 *  the program.
 *  @param[in] bytes  [size] at a multiple of 4; must stay there, and as they are, until the model is destroyed
 *  @return as adaptau_model_map, without E_IO; E_ARGUMENT also for bytes at another address. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_view(adaptau_context *context, const void *bytes, int64_t size,
                                              adaptau_attachment_function take, void *user_data, adaptau_model **out,
                                              adaptau_error *error);

#define ADAPTAU_NOTE_SIZE 2048 /**< bytes of a checkpoint's note, its end included                           */

/** Write all that training goes on from: what adaptau_model_save writes, so that adaptau_model_load reads the file too, and
 *  options, loss and learning rates of the model, moments and step counts, the counts that draws of LightGCN's dropout and of
 *  contrast are named by, and options and state of the temperature: τ₀, τ_u, observed losses, learned temperatures with their
 *  moments, the number of updates. The file ends in a checksum. Atomic like adaptau_model_save.
 *
 *  Not in the file are: the dataset; the sampler, for its draws depend on its options and the number of the epoch alone
 *  (adaptau_sampler_begin_epoch), so that the host only notes that number; the gradients of a batch, soft targets and prototypes, which
 *  a host makes anew before each epoch; and how many losses a user's L_u is the mean of, for the count begins anew with each update of
 *  the temperature.
 *  @param[in] temperature  of the model's size, or NULL: none
 *  @param[in] note         a text of the host's for adaptau_model_load_checkpoint, less than ADAPTAU_NOTE_SIZE printable ASCII
 *                          characters, or NULL
 *  @return E_ARGUMENT; E_SHAPE for a temperature of another size; E_STATE; E_IO with os_error; of LightGCN and SimpleX
 *          E_MEMORY, E_CALLBACK. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_save_checkpoint(const adaptau_model *model, const adaptau_temperature *temperature,
                                                         const char *note, const char *path, adaptau_error *error);

/** Make the model and the temperature of a checkpoint again, in own memory. With the interactions that it was trained on, the epochs
 *  that follow are those of a training that was not interrupted, bit for bit, for any number of threads.
 *  @param[in]  dataset      of the same numbers of users and items; its interactions are LightGCN's graph, and the temperature borrows
 *                           it, as in adaptau_temperature_create
 *  @param[out] model        new
 *  @param[out] temperature  new, or NULL: not wanted
 *  @param[out] note         [ADAPTAU_NOTE_SIZE] what was noted, "" for nothing; or NULL
 *  @return E_ARGUMENT, E_IO, E_MEMORY, E_CALLBACK; E_SHAPE for a dataset of another size; E_FORMAT for what is no checkpoint or
 *          is damaged, and where a temperature is wanted and there is none; E_NUMERIC for a non-finite entry. Outputs are
 *          untouched then. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_load_checkpoint(adaptau_context *context, const adaptau_dataset *dataset,
                                                         const char *path, adaptau_model **model, adaptau_temperature **temperature,
                                                         char *note, adaptau_error *error);

/** adaptau_model_save_checkpoint, byte for byte, into a function of the host's. Model and temperature are being read meanwhile.
 *  @return as adaptau_model_save_checkpoint, with E_CALLBACK of `write` in the place of E_IO. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_save_checkpoint_to(const adaptau_model *model, const adaptau_temperature *temperature,
                                                            const char *note, adaptau_write_function write, void *user_data,
                                                            adaptau_error *error);

/** adaptau_model_load_checkpoint of a file that is in the host's memory.
 *  @param[in] bytes  [size] at any address; not needed after the call
 *  @return as adaptau_model_load_checkpoint, without E_IO. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_load_checkpoint_from(adaptau_context *context, const adaptau_dataset *dataset,
                                                              const void *bytes, int64_t size, adaptau_model **model,
                                                              adaptau_temperature **temperature, char *note,
                                                              adaptau_error *error);

/** Write one table as a NumPy .npy file (float32, C order, [rows, d]), normalised where scores normalise it, atomically.
 *  Without an item bias inner products of a user's row and an item's are the model's scores, so that an index of inner products
 *  (FAISS, hnswlib, ...) ranks as adaptau_model_rank does; with one see adaptau_model_export_index.
 *  @return E_ARGUMENT; E_IO with os_error; where a normalised copy is made E_MEMORY, E_CALLBACK, and E_NUMERIC, which names the
 *          first row that is not finite. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_export_npy(const adaptau_model *model, int32_t side, const char *path,
                                                    adaptau_error *error);

/** adaptau_model_export_npy for an index of inner products: of a model with an item bias rows are [rows, d + 1], and the last
 *  column is the bias of an item and 1 of a user.
 *  @return as adaptau_model_export_npy. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_export_index(const adaptau_model *model, int32_t side, const char *path,
                                                      adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
