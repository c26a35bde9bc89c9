# SPDX-License-Identifier: MIT
"""libadaptau for NumPy, by ctypes alone: what a host needs to train, evaluate, recommend, save and load. `import adaptau` has all
of it, and above it what trains in one call.

Arrays are handed over as they lie in memory, and what comes back are views; nothing is copied. ctypes releases the
interpreter's lock around every call. Each object holds what it was made from, so that Python frees them in the right order.
What has no class here is called by `call(lib.adaptau_..., ...)`, with arguments typed as ctypes wants them.
"""
import ctypes as c
import os
import weakref

import numpy as np

_I32, _I64, _U32, _U64, _F64, _P = c.c_int32, c.c_int64, c.c_uint32, c.c_uint64, c.c_double, c.c_void_p



def _open():
    """The library of $ADAPTAU_LIBRARY, else one in the package's folder, else the one that the dynamic loader finds."""
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libadaptau.so.1")
    path = os.environ.get("ADAPTAU_LIBRARY") or (beside if os.path.exists(beside) else "libadaptau.so.1")
    try:
        return c.CDLL(path)
    except OSError as error:
        raise ImportError(f"{error}; install libadaptau, or set ADAPTAU_LIBRARY to its path") from None


lib = _open()
lib.adaptau_status_name.restype = c.c_char_p
lib.adaptau_context_backend.restype = c.c_char_p
lib.adaptau_dataset_n_interactions.restype = _I64
lib.adaptau_sampler_n_batches.restype = _I64
lib.adaptau_evaluator_users.restype = _P
lib.adaptau_training_model.restype = _P
lib.adaptau_training_temperature.restype = _P

BY_DATA = -1  # a member of a recipe that its data decide
RANK_SIMILAR_ITEMS, RANK_SIMILAR_USERS = 1, 2
GO_ON, STOP = 0, 1  # what callbacks of fit answer

METRICS = ("recall", "ndcg", "precision", "hit_rate", "mrr", "map")

# ---- structs, as in the headers ------------------------------------------------------------------------------------------


class _Sized(c.Structure):
    """A struct that begins with its size; members that are not named are zero."""

    def __init__(self, **members):
        super().__init__(struct_size=c.sizeof(self), **members)


class _Filled(_Sized):
    """One whose defaults the library writes, by the function `_init` and the kinds of `_kinds` that it takes; members that are named
    replace them."""

    _kinds = ()

    def __init__(self, *made_for, **members):
        super().__init__()
        call(getattr(lib, self._init), c.byref(self), *made_for, *(_I32(members.get(kind, 0)) for kind in self._kinds))
        for name, value in members.items():
            if not hasattr(self, name):
                raise TypeError(f"{type(self).__name__} has no {name}")
            setattr(self, name, value)


class ContextOptions(_Sized):
    _fields_ = [("struct_size", _U32), ("n_threads", _I32), ("backend", _I32), ("bfloat16", _I32), ("cpu_disable", _U64),
                ("executor", _P), ("executor_data", _P), ("allocate", _P), ("free", _P), ("allocator_data", _P), ("log", _P),
                ("log_data", _P)]


class Tables(_Sized):
    _fields_ = [("struct_size", _U32), ("flags", _U32), ("n_users", _I32), ("n_items", _I32), ("dim", _I32),
                ("reserved", _I32), ("users", _P), ("user_stride", _I64), ("items", _P), ("item_stride", _I64),
                ("item_bias", _P)]


class Batch(_Sized):
    _fields_ = [("struct_size", _U32), ("flags", _U32), ("n_rows", _I32), ("candidates", _I32), ("users", _P),
                ("positive_ptr", _P), ("positives", _P), ("n_candidates", _I64), ("candidate_ids", _P), ("log_q", _P),
                ("row_weights", _P), ("positive_weights", _P), ("negative_ptr", _P), ("negatives", _P),
                ("negative_weights", _P), ("target_shares", _P), ("user_targets", _P), ("item_targets", _P), ("item_target_scale", c.c_float), ("reserved", _I32)]


class Csr(_Sized):
    _fields_ = [("struct_size", _U32), ("n_users", _I32), ("n_items", _I32), ("reserved", _I32), ("indptr", _P),
                ("indices", _P), ("weights", _P)]


class DatasetView(_Sized):
    _fields_ = [("struct_size", _U32), ("n_users", _I32), ("n_items", _I32), ("reserved", _I32), ("user_ptr", _P),
                ("user_items", _P), ("item_ptr", _P), ("item_users", _P), ("user_weights", _P), ("item_weights", _P),
                ("negative_ptr", _P), ("negatives", _P), ("negative_weights", _P)]


class SamplerOptions(_Filled):
    _init, _kinds = "adaptau_sampler_options_init", ("kind",)
    _fields_ = [("struct_size", _U32), ("flags", _U32), ("kind", _I32), ("rows", _I32), ("rows_per_batch", _I32),
                ("reserved", _I32), ("n_candidates", _I64), ("popularity_exponent", _F64), ("row_weight_exponent", _F64),
                ("seed", _U64)]


class TemperatureOptions(_Filled):
    _init, _kinds = "adaptau_temperature_options_init", ("tau0_policy", "tau_user_policy")
    _fields_ = [("struct_size", _U32), ("tau0_policy", _I32), ("tau_user_policy", _I32), ("warmup_updates", _I32),
                ("tau", _F64), ("warmup_delta_mu", _F64), ("tau_min", _F64), ("tau_max", _F64), ("divisor", _F64),
                ("threshold_quantile", _F64), ("degree_quantile", _F64), ("exact_sample", _I32), ("reserved", _I32),
                ("learning_rate", _F64)]


class TemperatureState(_Sized):
    _fields_ = [("struct_size", _U32), ("flags", _U32), ("n_updates", _I64), ("n_users_counted", _I64),
                ("n_users_clamped", _I64), ("n_users_observed", _I64), ("tau0", _F64), ("log_ratio", _F64),
                ("mean_all", _F64), ("variance_all", _F64), ("mean_positive", _F64), ("variance_positive", _F64),
                ("threshold", _F64), ("tau_user_min", _F64), ("tau_user_max", _F64)]


class EvaluatorOptions(_Filled):
    _init = "adaptau_evaluator_options_init"
    _fields_ = [("struct_size", _U32), ("n_cutoffs", _I32), ("cutoffs", _P), ("n_masks", _I32), ("n_groups", _I32),
                ("masks", _P), ("item_groups", _P)]


class Query(_Sized):
    _fields_ = [("struct_size", _U32), ("flags", _U32), ("question", _I32), ("n", _I32), ("k", _I32), ("n_allowed", _I32),
                ("ids", _P), ("embeddings", _P), ("embedding_stride", _I64), ("seen", _P), ("allowed", _P),
                ("exclude_ptr", _P), ("exclude", _P)]


class ModelOptions(_Filled):
    _init = "adaptau_model_options_init"
    _fields_ = [("struct_size", _U32), ("flags", _U32), ("encoder", _I32), ("dim", _I32), ("init", _I32), ("n_layers", _I32),
                ("seed", _U64), ("host_users", _P), ("host_items", _P), ("host_user_stride", _I64),
                ("host_item_stride", _I64), ("learning_rate_users", _F64), ("learning_rate_items", _F64),
                ("beta1_users", _F64), ("beta1_items", _F64), ("beta2", _F64), ("epsilon", _F64), ("weight_decay", _F64),
                ("edge_dropout", _F64), ("layer_dropout", _F64),
                ("gate", _F64), ("host_encoder", _P)]


class Step(_Sized):
    _fields_ = [("struct_size", _U32), ("n_rows", _I32), ("n_terms", _F64), ("loss", _F64)]


class Recipe(_Filled):
    """The library's defaults, BY_DATA where the data decide, and what is named."""

    _init = "adaptau_recipe_init"
    _fields_ = [("struct_size", _U32), ("encoder", _I32), ("init", _I32), ("normalise", _I32), ("free_length", _I32),
                ("unit_raw_rows", _I32), ("rank_raw", _I32), ("row_second_moment", _I32), ("bfloat16", _I32),
                ("loss", _I32), ("tau0_policy", _I32), ("tau_user_policy", _I32), ("candidates", _I32), ("log_q", _I32),
                ("reject_positives", _I32), ("positives_outside_sum", _I32), ("dim", _I64), ("n_layers", _I64),
                ("rows_per_batch", _I64), ("n_candidates", _I64), ("epochs", _I64), ("warmup_epochs", _I64), ("seed", _U64),
                ("edge_dropout", _F64), ("layer_dropout", _F64), ("gate", _F64), ("weight_decay", _F64), ("margin", _F64),
                ("negative_weight", _F64), ("tau", _F64), ("tau_min", _F64), ("tau_max", _F64), ("tau_divisor", _F64),
                ("tau_learning_rate", _F64), ("threshold_quantile", _F64), ("degree_quantile", _F64),
                ("popularity_exponent", _F64), ("row_weight_exponent", _F64), ("soft_targets", _F64),
                ("learning_rate_users", _F64), ("learning_rate_items", _F64), ("popularity_prior", _F64), ("top_k", _I64),
                ("weight_tau", _F64), ("positive_scale", _F64), ("activation", _I32), ("reserved", _I32)]

    def fill(self, dataset):
        """Replace every BY_DATA by its value."""
        call(lib.adaptau_recipe_fill, c.byref(self), dataset)
        return self

    def learning_rates(self, epoch, step, n_steps):
        """Those of users' and items' rows, by a filled recipe, in one step of an epoch of n_steps."""
        users, items = _F64(), _F64()
        call(lib.adaptau_recipe_learning_rates, c.byref(self), _I64(epoch), _I64(step), _I64(n_steps), c.byref(users), c.byref(items))
        return users.value, items.value


class TrainingState(_Sized):
    _fields_ = [("struct_size", _U32), ("reserved", _I32), ("epoch", _I64), ("n_epochs", _I64), ("step", _I64),
                ("n_steps", _I64), ("loss", _F64), ("tau0", _F64)]


class FitOptions(_Filled):
    _init = "adaptau_fit_options_init"
    _fields_ = [("struct_size", _U32), ("cutoff", _I32), ("validation", _P), ("held_out_share", _F64),
                ("held_out_seed", _U64), ("n_epochs", _I64), ("eval_every", _I64), ("patience", _I64), ("on_step", _P),
                ("on_epoch", _P), ("user_data", _P)]


class FitResult(_Sized):
    _fields_ = [("struct_size", _U32), ("stopped", _I32), ("n_epochs", _I64), ("n_searched", _I64), ("loss", _F64),
                ("tau0", _F64), ("recall", _F64), ("ndcg", _F64), ("recipe", _P), ("fold_in", _P)]


class SplitOptions(_Sized):
    _fields_ = [("struct_size", _U32), ("flags", _U32), ("share", _F64), ("seed", _U64), ("times", _P)]


class RowMap(_Sized):
    _fields_ = [("struct_size", _U32), ("n_users", _I32), ("n_items", _I32), ("reserved", _I32), ("users", _P), ("items", _P)]


class FoldInOptions(_Filled):
    """Of a model, which comes first."""

    _init, _kinds = "adaptau_fold_in_options_init", ("tau_user_policy",)
    _fields_ = [("struct_size", _U32), ("flags", _U32), ("tau_user_policy", _I32), ("n_steps", _I32), ("tau", _F64),
                ("threshold", _F64), ("divisor", _F64), ("target_strength", _F64), ("popularity_exponent", _F64)]


class Attachment(c.Structure):
    _fields_ = [("name", c.c_char_p), ("bytes", _P), ("size", _I64)]


class FitProgress(c.Structure):
    _fields_ = [("phase", _I32), ("evaluated", _I32), ("best", _I32), ("reserved", _I32), ("epoch", _I64),
                ("n_epochs", _I64), ("step", _I64), ("n_steps", _I64), ("loss", _F64), ("tau0", _F64), ("recall", _F64),
                ("ndcg", _F64), ("model", _P)]


class _Error(c.Structure):
    _fields_ = [("status", _I32), ("os_error", _I32), ("message", c.c_char * 248)]


# ---- calls and arrays ----------------------------------------------------------------------------------------------------


class Error(Exception):
    """A call that failed: status (ADAPTAU_E_*), its name, and the library's message. Errors that Python has a name for are of
    that class, too, so that `except OSError` and the like catch them."""

    def __init__(self, message, status=0, os_error=0):
        super().__init__(message)
        self.status, self.os_error = status, os_error
        self.name = lib.adaptau_status_name(status).decode()

    def __reduce__(self):
        return type(self), (str(self), self.status, self.os_error)


class ArgumentError(Error, ValueError):
    """E_ARGUMENT, E_SHAPE, E_NUMERIC, E_FORMAT."""


class RangeError(Error, IndexError):
    """E_INDEX."""


class NoMemoryError(Error, MemoryError):
    """E_MEMORY."""


class FileError(Error, OSError):
    """E_IO; errno is that of the system."""

    def __init__(self, message, status=0, os_error=0):
        super().__init__(message, status, os_error)
        self.errno = os_error or None

    def __str__(self):
        return self.args[0]


class Cancelled(Error):
    """E_CANCELLED: a callback asked for the end."""


_KINDS = {"E_ARGUMENT": ArgumentError, "E_SHAPE": ArgumentError, "E_NUMERIC": ArgumentError, "E_FORMAT": ArgumentError,
          "E_INDEX": RangeError, "E_MEMORY": NoMemoryError, "E_IO": FileError, "E_CANCELLED": Cancelled}


def call(function, *arguments):
    """Call a function that takes an adaptau_error last; raise the Error of its status unless it succeeds."""
    cause = _Error()
    if function(*arguments, c.byref(cause)):
        kind = _KINDS.get(lib.adaptau_status_name(cause.status).decode(), Error)
        raise kind(cause.message.decode(errors="replace"), cause.status, cause.os_error)


def _borrow(array, dtype, shape=None, writable=False):
    """The address of an array as it is: the wrong type, layout or shape is an error, never a silent copy."""
    if array is None:
        return None
    if not isinstance(array, np.ndarray) or array.dtype != dtype or not array.flags.c_contiguous:
        raise TypeError(f"wanted a C-contiguous array of {np.dtype(dtype).name}")
    if shape is not None and array.shape != shape:
        raise ValueError(f"wanted shape {shape}, not {array.shape}")
    if writable and not array.flags.writeable:
        raise ValueError("wanted an array that can be written to")
    return _P(array.ctypes.data)


class _Memory:
    """Memory of the library's as NumPy sees it, read only; a view keeps this, and this keeps the owner."""

    def __init__(self, owner, address, shape, strides, typestr):
        self.owner = owner
        self.__array_interface__ = {"version": 3, "data": (address, True), "shape": shape, "strides": strides,
                                    "typestr": typestr}


class _Life:
    """Frees a handle when its object and all that was made from it are gone. Objects of one cycle are collected together, in any order;
    their lives refer only to lives before them, and to arrays, and so end in the right order."""

    def __init__(self, destroy, handle, keep):
        # At exit nothing is freed: daemon threads may be inside calls, and the system takes the memory back.
        weakref.finalize(self, self._end, destroy, handle, self._lives(keep)).atexit = False

    @classmethod
    def _lives(cls, keep):
        return [cls._lives(thing) if isinstance(thing, tuple) else getattr(thing, "_life", thing) for thing in keep]

    @staticmethod
    def _end(destroy, handle, _keep):
        destroy(handle)


class _Object:
    """A handle, freed when Python is done with it, and what must live as long."""

    def __init__(self, create, destroy, *arguments, keep=()):
        handle = _P()
        call(create, *arguments, c.byref(handle))
        self._own(handle, destroy, keep)

    def _own(self, handle, destroy, keep):
        self._as_parameter_ = handle
        self._keep = keep
        self._life = _Life(destroy, handle, keep)

    @classmethod
    def _borrowed(cls, handle, owner):
        """An object that another one owns, and keeps."""
        self = cls.__new__(cls)
        self._as_parameter_ = _P(handle)
        self._keep = (owner,)
        self._life = owner._life
        return self


class Context(_Object):
    def __init__(self, **options):
        super().__init__(lib.adaptau_context_create, lib.adaptau_context_destroy, c.byref(ContextOptions(**options)))

    @property
    def backend(self):
        return lib.adaptau_context_backend(self).decode()

    def set_progress(self, function):
        """Have long calls tell function(what, done, total) how far they are (ADAPTAU_PROGRESS_*): what it answers, but for None and 0,
        ends the call with Cancelled, and so does an exception in it. None: nobody is told."""
        def answer(_, what, done, total):
            try:
                return 1 if function(what, done, total) else 0
            except BaseException:  # nothing may pass through the library
                return -1
        listener = c.CFUNCTYPE(_I32, _P, _I32, _I64, _I64)(answer) if function else None
        call(lib.adaptau_context_set_progress, self, listener, None)
        self._listener = listener


class Dataset(_Object):
    """Sorted rows, borrowed: `indptr` int64 [n + 1], `indices` int32, as in a scipy.sparse.csr_array with such indices, and
    `weights` float32, its data, where interactions are not all alike."""

    def __init__(self, context, indptr, indices, n_items, weights=None):
        csr = Csr(n_users=len(indptr) - 1, n_items=n_items, indptr=_borrow(indptr, np.int64),
                  indices=_borrow(indices, np.int32), weights=_borrow(weights, np.float32, np.shape(indices)))
        if len(indptr) and indptr[-1] > len(indices):
            raise ValueError(f"indptr ends at {indptr[-1]}, but there are {len(indices)} indices")
        super().__init__(lib.adaptau_dataset_create, lib.adaptau_dataset_destroy, context, c.byref(csr),
                         keep=(context, indptr, indices, weights))

    @classmethod
    def from_pairs(cls, context, n_users, n_items, users, items, weights=None):
        """Interactions in any order, int32 each, and their weights, float32, which add up where one comes again. The library
        copies them."""
        self = cls.__new__(cls)
        _Object.__init__(self, lib.adaptau_dataset_create_from_interactions, lib.adaptau_dataset_destroy, context, _I32(n_users),
                         _I32(n_items), _I64(len(users)),
                         *(_borrow(ids, np.int32, shape=(len(users),)) for ids in (users, items)),
                         _borrow(weights, np.float32, (len(users),)), keep=(context,))
        return self

    def set_negatives(self, negatives):
        """What was shown to users and not taken: another Dataset of the same size, which the library copies. Once, and before anything
        is made of this one."""
        call(lib.adaptau_dataset_set_negatives, self, negatives)

    def rows(self):
        """Views of the sorted rows: indptr, int64 [n_users + 1], and indices, int32."""
        view, n = DatasetView(), self.n_pairs
        call(lib.adaptau_dataset_get_view, self, c.byref(view))
        return (np.asarray(_Memory(self, view.user_ptr, (view.n_users + 1,), None, "<i8")),
                np.asarray(_Memory(self, view.user_items, (n,), None, "<i4")) if n else np.empty(0, np.int32))

    def split(self, share, seed=0, times=None, flags=0):
        """What is kept and what is held out, of each user's interactions: drawn ones, or the latest by `times`, int64 in the
        order of sorted rows. `flags`: ADAPTAU_SPLIT_*."""
        kept, held_out = (Dataset.__new__(Dataset) for _ in range(2))
        handles = _P(), _P()
        options = SplitOptions(flags=flags, share=share, seed=seed, times=_borrow(times, np.int64, (self.n_pairs,)))
        call(lib.adaptau_dataset_split, self._keep[0], self, c.byref(options), *(c.byref(handle) for handle in handles))
        for part, handle in zip((kept, held_out), handles):
            part._own(handle, lib.adaptau_dataset_destroy, keep=(self._keep[0],))
        return kept, held_out

    @property
    def n_users(self):
        return lib.adaptau_dataset_n_users(self)

    @property
    def n_items(self):
        return lib.adaptau_dataset_n_items(self)

    @property
    def n_pairs(self):
        return lib.adaptau_dataset_n_interactions(self)


class Temperature(_Object):
    def __init__(self, context, dataset, **options):
        super().__init__(lib.adaptau_temperature_create, lib.adaptau_temperature_destroy, context, dataset,
                         c.byref(TemperatureOptions(**options)), keep=(context, dataset))

    @property
    def state(self):
        state = TemperatureState()
        call(lib.adaptau_temperature_get_state, self, c.byref(state))
        return state


class Sampler(_Object):
    def __init__(self, context, dataset, **options):
        super().__init__(lib.adaptau_sampler_create, lib.adaptau_sampler_destroy, context, dataset,
                         c.byref(SamplerOptions(**options)), keep=(context, dataset))

    def epoch(self, number):
        """The batches of an epoch. A batch is good until the next one is asked for."""
        call(lib.adaptau_sampler_begin_epoch, self, _I64(number))
        batch = Batch()
        while True:
            call(lib.adaptau_sampler_next, self, c.byref(batch))
            if batch.n_rows == 0:
                return
            yield batch


class Evaluator(_Object):
    def __init__(self, context, held_out, cutoffs=(20,), masks=()):
        cutoffs = np.asarray(cutoffs, np.int32)
        handles = (_P * len(masks))(*(mask._as_parameter_.value for mask in masks))
        options = EvaluatorOptions(n_cutoffs=len(cutoffs), cutoffs=cutoffs.ctypes.data, n_masks=len(masks),
                                   masks=c.addressof(handles) if masks else None)
        super().__init__(lib.adaptau_evaluator_create, lib.adaptau_evaluator_destroy, context, held_out, c.byref(options),
                         keep=(context, held_out, tuple(masks)))

    def run(self, model):
        call(lib.adaptau_model_evaluate, model, self)

    def mean(self, metric, cutoff=20):
        """A metric by name, at one of the evaluator's cutoffs."""
        mean = _F64()
        call(lib.adaptau_evaluator_mean, self, METRICS.index(metric), _I32(cutoff), c.byref(mean))
        return mean.value

    def users(self):
        """The users who have held-out items, ascending."""
        n = lib.adaptau_evaluator_n_users(self)
        address = lib.adaptau_evaluator_users(self)
        return np.array(np.asarray(_Memory(self, address, (n,), None, "<i4"))) if n else np.empty(0, np.int32)

    def per_user(self, metric, cutoff=20):
        """The metric of each of these users."""
        values = np.empty(lib.adaptau_evaluator_n_users(self), np.float32)
        call(lib.adaptau_evaluator_per_user, self, METRICS.index(metric), _I32(cutoff), _borrow(values, np.float32))
        return values


def _attachments(values):
    """An array of them, and what it points into."""
    kept = [c.create_string_buffer(value, max(len(value), 1)) for value in values.values()]
    return (Attachment * max(len(kept), 1))(*(Attachment(name.encode(), c.addressof(buffer), len(value)) for (name, value), buffer
                                              in zip(values.items(), kept))), kept


class Model(_Object):
    """`host_users` and `host_items` may be float32 arrays [rows, dim] of the host's, which are trained in place."""

    def __init__(self, context, dataset, host_users=None, host_items=None, **options):
        keep = (context, host_users, host_items)
        options = ModelOptions(**options)
        options.host_users = _borrow(host_users, np.float32, (dataset.n_users, options.dim), writable=True)
        options.host_items = _borrow(host_items, np.float32, (dataset.n_items, options.dim), writable=True)
        super().__init__(lib.adaptau_model_create, lib.adaptau_model_destroy, context, dataset, c.byref(options),
                         keep=keep)

    @classmethod
    def load(cls, context, path):
        self = cls.__new__(cls)
        _Object.__init__(self, lib.adaptau_model_load, lib.adaptau_model_destroy, context, os.fsencode(path), keep=(context,))
        return self

    @classmethod
    def load_with(cls, context, source, mapped=False):
        """The model, and what was saved with it: names and their bytes. `source` is a path, or the bytes of such a file. mapped: the
        model stays in the file, which all processes share, or in those bytes, which it keeps; it cannot be trained."""
        found = {}

        @c.CFUNCTYPE(_I32, _P, c.POINTER(Attachment))
        def take(_, attachment):
            a = attachment.contents
            found[a.name.decode()] = c.string_at(a.bytes, a.size) if a.size else b""
            return 0
        self, handle = cls.__new__(cls), _P()
        if isinstance(source, (bytes, bytearray, memoryview)):
            source = bytes(source)
            function = lib.adaptau_model_view if mapped else lib.adaptau_model_load_from
            call(function, context, c.c_char_p(source), _I64(len(source)), take, None, c.byref(handle))
        else:
            function = lib.adaptau_model_map if mapped else lib.adaptau_model_load_with
            call(function, context, os.fsencode(source), take, None, c.byref(handle))
        self._own(handle, lib.adaptau_model_destroy, keep=(context, source if mapped else None))
        return self, found

    def remap(self, users, items, dataset=None):
        """A new model whose row r is that of user users[r], or item items[r], int32, of this one; −1: a new row. Rows that come in no
        place are removed. `dataset` has the interactions by the new numbers; None: final embeddings are copied, and no row is new."""
        rows = RowMap(n_users=len(users), n_items=len(items), users=_borrow(users, np.int32), items=_borrow(items, np.int32))
        new, handle = type(self).__new__(type(self)), _P()
        call(lib.adaptau_model_remap, self, dataset, c.byref(rows), None, c.byref(handle))
        new._own(handle, lib.adaptau_model_destroy, keep=self._keep[:1])
        return new

    def save(self, path, half=False, **attachments):
        """One file with the model and the bytes of each attachment, which is the old one or the new one as a whole. half: embeddings
        as float16."""
        array, _kept = _attachments(attachments)
        function = lib.adaptau_model_save_half if half else lib.adaptau_model_save_with
        call(function, self, os.fsencode(path), _I32(len(attachments)), array)

    def to_bytes(self, half=False, **attachments):
        """The bytes of that file."""
        array, _kept = _attachments(attachments)
        pieces = []

        @c.CFUNCTYPE(_I32, _P, _P, _I64)
        def write(_, at, size):
            pieces.append(c.string_at(at, size))
            return 0
        function = lib.adaptau_model_save_half_to if half else lib.adaptau_model_save_to
        call(function, self, write, None, _I32(len(attachments)), array)
        return b"".join(pieces)

    def fold_in_options(self):
        """How new users are folded in, as the training said; None where the model does not say."""
        options = FoldInOptions(self)
        try:
            call(lib.adaptau_model_get_fold_in, self, c.byref(options))
        except Error as error:
            if error.name != "E_STATE":
                raise
            return None
        return options

    @property
    def shape(self):
        """Users, items and dimensions."""
        return (lib.adaptau_model_n_users(self), lib.adaptau_model_n_items(self), lib.adaptau_model_dim(self))

    def tables(self):
        tables = Tables()
        call(lib.adaptau_model_get_tables, self, c.byref(tables))
        return tables

    def embeddings(self):
        """Views of the final embeddings, users and items, that follow the training; scores are cosines of their rows. None, None for a
        mapped model whose file has float16 alone."""
        try:
            t = self.tables()
        except Error as error:
            if error.name != "E_UNSUPPORTED":
                raise
            return None, None
        return tuple(np.asarray(_Memory(self, address, (rows, t.dim), (4 * (stride or t.dim), 4), "<f4"))
                     for address, rows, stride in ((t.users, t.n_users, t.user_stride), (t.items, t.n_items, t.item_stride)))

    def update_temperature(self, temperature):
        call(lib.adaptau_model_update_temperature, self, temperature)

    def gradients(self, batch, temperature):
        step = Step()
        call(lib.adaptau_model_gradients, self, c.byref(batch), temperature, c.byref(step))
        return step

    def apply(self):
        call(lib.adaptau_model_apply, self)

    def top_k(self, users, k, seen=None):
        """Items and scores, [len(users), k] each, best first; -1 where fewer are left. `users` is int32."""
        items, scores = np.empty((len(users), k), np.int32), np.empty((len(users), k), np.float32)
        query = Query(n=len(users), ids=_borrow(users, np.int32, (len(users),)), k=k, seen=seen._as_parameter_ if seen else None)
        call(lib.adaptau_model_rank, self, c.byref(query), _borrow(items, np.int32), _borrow(scores, np.float32))
        return items, scores

    def rank(self, embeddings, k, allowed=None, exclude_ptr=None, exclude=None, ids=None, question=0):
        """Items and scores as of top_k, for users by their embeddings, float32 [n, dim], or by their ids, int32: of `allowed`, int32
        ascending, and without exclude[exclude_ptr[i]:exclude_ptr[i + 1]], int32 ascending, for the i-th. question: RANK_SIMILAR_ITEMS
        or RANK_SIMILAR_USERS, of ids."""
        n = len(embeddings if ids is None else ids)
        items, scores = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
        query = Query(n=n, question=question, embeddings=_borrow(embeddings, np.float32), ids=_borrow(ids, np.int32), k=k, n_allowed=0 if allowed is None else len(allowed),
                      allowed=_borrow(allowed, np.int32), exclude_ptr=_borrow(exclude_ptr, np.int64), exclude=_borrow(exclude, np.int32))
        call(lib.adaptau_model_rank, self, c.byref(query), _borrow(items, np.int32), _borrow(scores, np.float32))
        return items, scores


class FoldIn(_Object):
    """What new users are made of; `dataset` for soft targets and popularity. Without options: as the model says."""

    def __init__(self, model, dataset=None, **options):
        super().__init__(lib.adaptau_fold_in_create, lib.adaptau_fold_in_destroy, model, dataset,
                         c.byref(FoldInOptions(model, **options)) if options else None, keep=(model, dataset))
        self._dim = model.shape[2]

    def users(self, indptr, indices, weights=None):
        """Embeddings of users by their items: int64 [n + 1], int32 ascending within a user, and their weights, float32."""
        embeddings = np.empty((len(indptr) - 1, self._dim), np.float32)
        call(lib.adaptau_fold_in_users, self, _I32(len(embeddings)), _borrow(indptr, np.int64), _borrow(indices, np.int32),
             _borrow(weights, np.float32, np.shape(indices)), _borrow(embeddings, np.float32), None)
        return embeddings


class Training(_Object):
    """A model, its temperature and its schedule, by a recipe; the steps are the host's."""

    def __init__(self, context, dataset, recipe=None):
        super().__init__(lib.adaptau_training_create, lib.adaptau_training_destroy, context, dataset,
                         c.byref(recipe or Recipe()), keep=(context, dataset))
        self.recipe = Recipe()
        call(lib.adaptau_training_get_recipe, self, c.byref(self.recipe))

    @property
    def model(self):
        return Model._borrowed(lib.adaptau_training_model(self), self)

    @property
    def temperature(self):
        return Temperature._borrowed(lib.adaptau_training_temperature(self), self)

    @property
    def state(self):
        state = TrainingState()
        call(lib.adaptau_training_get_state, self, c.byref(state))
        return state

    def epoch(self, number):
        """The batches of an epoch, which begins with the first and ends after the last."""
        call(lib.adaptau_training_begin_epoch, self, _I64(number))
        batch = Batch()
        while True:
            call(lib.adaptau_training_next, self, c.byref(batch))
            if batch.n_rows == 0:
                break
            yield batch
        call(lib.adaptau_training_end_epoch, self)

    def add_loss(self, loss):
        """For the mean in `state`."""
        call(lib.adaptau_training_add_loss, self, _F64(loss))


def fit_dataset(context, dataset, recipe=None, validation=None, on_step=None, on_epoch=None, **options):
    """A model and what is known of it. Callbacks get a FitProgress and answer STOP, or anything else to go on, but no bool, which may
    mean either; an exception in one ends the training and is raised here."""
    raised = []

    def guarded(function):
        def answer(_, progress):
            try:
                said = function(progress.contents)
                if isinstance(said, (bool, np.bool_)):
                    raise TypeError(f"a callback answered {said}: it answers adaptau.STOP to end the training, adaptau.GO_ON or None to go on")
                return STOP if said == STOP else GO_ON
            except BaseException as cause:  # nothing may pass through the library
                raised.append(cause)
                return -1
        return c.cast(keep(c.CFUNCTYPE(_I32, _P, c.POINTER(FitProgress))(answer)), _P) if function else None

    kept = []

    def keep(function):
        kept.append(function)
        return function

    result, model = FitResult(), Model.__new__(Model)
    options = FitOptions(validation=validation._as_parameter_ if validation else None, on_step=guarded(on_step),
                         on_epoch=guarded(on_epoch), **options)
    handle = _P()
    try:
        call(lib.adaptau_fit, context, dataset, c.byref(recipe or Recipe()), c.byref(options), c.byref(handle), c.byref(result))
    except Error:
        if raised:
            raise raised[0] from None
        raise
    model._own(handle, lib.adaptau_model_destroy, keep=(context,))
    return model, result
