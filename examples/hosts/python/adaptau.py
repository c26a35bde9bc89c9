# SPDX-License-Identifier: MIT
"""libadaptau for NumPy, by ctypes alone: what a host needs to train, evaluate, recommend, save and load.

Arrays are handed over as they lie in memory, and what comes back are views; nothing is copied. ctypes releases the
interpreter's lock around every call. Each object holds what it was made from, so that Python frees them in the right order.
What has no class here is called by `call(lib.adaptau_..., ...)`, with arguments typed as ctypes wants them.
"""
import ctypes as c
import os
import weakref

import numpy as np

_I32, _I64, _U32, _U64, _F64, _P = c.c_int32, c.c_int64, c.c_uint32, c.c_uint64, c.c_double, c.c_void_p

lib = c.CDLL(os.environ.get("ADAPTAU_LIBRARY", "libadaptau.so.0"))
lib.adaptau_status_name.restype = c.c_char_p
lib.adaptau_context_backend.restype = c.c_char_p
lib.adaptau_dataset_n_pairs.restype = _I64
lib.adaptau_sampler_n_batches.restype = _I64
lib.adaptau_evaluator_users.restype = _P

METRICS = ("recall", "ndcg", "precision", "hit_rate", "mrr", "map")

# ---- structs, as in the headers ------------------------------------------------------------------------------------------


class _Sized(c.Structure):
    """A struct that begins with its size; members that are not named are zero, their defaults."""

    def __init__(self, **members):
        super().__init__(struct_size=c.sizeof(self), **members)


class ContextOptions(_Sized):
    _fields_ = [("struct_size", _U32), ("n_threads", _I32), ("backend", _I32), ("reserved", _I32), ("cpu_disable", _U64),
                ("executor", _P), ("executor_data", _P), ("allocate", _P), ("free", _P), ("allocator_data", _P), ("log", _P),
                ("log_data", _P)]


class Tables(_Sized):
    _fields_ = [("struct_size", _U32), ("flags", _U32), ("n_users", _I32), ("n_items", _I32), ("dim", _I32),
                ("reserved", _I32), ("users", _P), ("user_stride", _I64), ("items", _P), ("item_stride", _I64),
                ("item_bias", _P)]


class Batch(_Sized):
    _fields_ = [("struct_size", _U32), ("flags", _U32), ("n_rows", _I32), ("candidates", _I32), ("users", _P),
                ("positive_ptr", _P), ("positives", _P), ("n_candidates", _I64), ("candidate_ids", _P), ("log_q", _P),
                ("row_weights", _P), ("target_shares", _P), ("user_targets", _P), ("item_targets", _P),
                ("item_target_scale", c.c_float), ("reserved", _I32)]


class Csr(_Sized):
    _fields_ = [("struct_size", _U32), ("n_users", _I32), ("n_items", _I32), ("reserved", _I32), ("indptr", _P),
                ("indices", _P)]


class SamplerOptions(_Sized):
    _fields_ = [("struct_size", _U32), ("flags", _U32), ("kind", _I32), ("rows", _I32), ("rows_per_batch", _I32),
                ("reserved", _I32), ("n_candidates", _I64), ("popularity_exponent", _F64), ("row_weight_exponent", _F64),
                ("seed", _U64)]


class TemperatureOptions(_Sized):
    _fields_ = [("struct_size", _U32), ("tau0", _I32), ("tau_user", _I32), ("warmup_updates", _I32), ("tau", _F64),
                ("warmup_delta_mu", _F64), ("tau_min", _F64), ("tau_max", _F64), ("divisor", _F64),
                ("threshold_quantile", _F64), ("degree_quantile", _F64), ("exact_sample", _I32), ("reserved", _I32),
                ("learning_rate", _F64)]


class TemperatureState(_Sized):
    _fields_ = [("struct_size", _U32), ("flags", _U32), ("n_updates", _I64), ("n_users_counted", _I64),
                ("n_users_clamped", _I64), ("n_users_observed", _I64), ("tau0", _F64), ("log_ratio", _F64),
                ("mean_all", _F64), ("variance_all", _F64), ("mean_positive", _F64), ("variance_positive", _F64),
                ("threshold", _F64), ("tau_user_min", _F64), ("tau_user_max", _F64)]


class EvaluatorOptions(_Sized):
    _fields_ = [("struct_size", _U32), ("n_cutoffs", _I32), ("cutoffs", _P), ("n_masks", _I32), ("n_groups", _I32),
                ("masks", _P), ("item_groups", _P)]


class ModelOptions(_Sized):
    _fields_ = [("struct_size", _U32), ("flags", _U32), ("encoder", _I32), ("dim", _I32), ("init", _I32), ("reserved", _I32),
                ("seed", _U64), ("host_users", _P), ("host_items", _P), ("host_user_stride", _I64),
                ("host_item_stride", _I64), ("learning_rate_users", _F64), ("learning_rate_items", _F64),
                ("beta1_users", _F64), ("beta1_items", _F64), ("beta2", _F64), ("epsilon", _F64), ("weight_decay", _F64),
                ("n_layers", _I32), ("reserved_layers", _I32), ("edge_dropout", _F64), ("layer_dropout", _F64),
                ("gate", _F64), ("host_encoder", _P)]


class Step(_Sized):
    _fields_ = [("struct_size", _U32), ("n_rows", _I32), ("n_terms", _I64), ("loss", _F64)]


class _Error(c.Structure):
    _fields_ = [("status", _I32), ("os_error", _I32), ("message", c.c_char * 248)]


# ---- calls and arrays ----------------------------------------------------------------------------------------------------


class Error(Exception):
    """A call that failed: status (ADAPTAU_E_*), its name, and the library's message."""

    def __init__(self, cause):
        super().__init__(cause.message.decode())
        self.status, self.os_error = cause.status, cause.os_error
        self.name = lib.adaptau_status_name(cause.status).decode()


def call(function, *arguments):
    """Call a function that takes an adaptau_error last; raise Error unless it succeeds."""
    cause = _Error()
    if function(*arguments, c.byref(cause)):
        raise Error(cause)


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


class _Object:
    """A handle, freed when Python is done with it, and what must live as long."""

    def __init__(self, create, destroy, *arguments, keep=()):
        handle = _P()
        call(create, *arguments, c.byref(handle))
        self._as_parameter_ = handle
        self._keep = keep
        weakref.finalize(self, destroy, handle)  # at exit the latest object goes first


class Context(_Object):
    def __init__(self, **options):
        super().__init__(lib.adaptau_context_create, lib.adaptau_context_destroy, c.byref(ContextOptions(**options)))

    @property
    def backend(self):
        return lib.adaptau_context_backend(self).decode()


class Dataset(_Object):
    """Sorted rows, borrowed: `indptr` int64 [n + 1], `indices` int32, as in a scipy.sparse.csr_array with such indices."""

    def __init__(self, context, indptr, indices, n_items):
        csr = Csr(n_users=len(indptr) - 1, n_items=n_items, indptr=_borrow(indptr, np.int64),
                  indices=_borrow(indices, np.int32))
        if len(indptr) and indptr[-1] > len(indices):
            raise ValueError(f"indptr ends at {indptr[-1]}, but there are {len(indices)} indices")
        super().__init__(lib.adaptau_dataset_create, lib.adaptau_dataset_destroy, context, c.byref(csr),
                         keep=(context, indptr, indices))

    @classmethod
    def from_pairs(cls, context, n_users, n_items, users, items):
        """Pairs in any order, int32 each. The library copies them."""
        self = cls.__new__(cls)
        _Object.__init__(self, lib.adaptau_dataset_create_from_pairs, lib.adaptau_dataset_destroy, context, _I32(n_users),
                         _I32(n_items), _I64(len(users)),
                         *(_borrow(ids, np.int32, shape=(len(users),)) for ids in (users, items)), keep=(context,))
        return self

    @property
    def n_users(self):
        return lib.adaptau_dataset_n_users(self)

    @property
    def n_items(self):
        return lib.adaptau_dataset_n_items(self)

    @property
    def n_pairs(self):
        return lib.adaptau_dataset_n_pairs(self)


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
                                   masks=c.addressof(handles))
        super().__init__(lib.adaptau_evaluator_create, lib.adaptau_evaluator_destroy, context, held_out, c.byref(options),
                         keep=(context, held_out, tuple(masks)))

    def run(self, model):
        call(lib.adaptau_evaluator_run, self, c.byref(model.tables()))

    def mean(self, metric, cutoff=0):
        """A metric by name, at the cutoff of that place."""
        mean = _F64()
        call(lib.adaptau_evaluator_mean, self, METRICS.index(metric), _I32(cutoff), c.byref(mean))
        return mean.value


class Model(_Object):
    """`host_users` and `host_items` may be float32 arrays [rows, dim] of the host's, which are trained in place."""

    def __init__(self, context, dataset, host_users=None, host_items=None, **options):
        keep = (context, host_users, host_items)
        dim = options.get("dim") or 64
        host_users = _borrow(host_users, np.float32, (dataset.n_users, dim), writable=True)
        host_items = _borrow(host_items, np.float32, (dataset.n_items, dim), writable=True)
        options = ModelOptions(host_users=host_users, host_items=host_items, **options)
        super().__init__(lib.adaptau_model_create, lib.adaptau_model_destroy, context, dataset, c.byref(options),
                         keep=keep)

    @classmethod
    def load(cls, context, path):
        self = cls.__new__(cls)
        _Object.__init__(self, lib.adaptau_model_load, lib.adaptau_model_destroy, context, os.fsencode(path), keep=(context,))
        return self

    def save(self, path):
        call(lib.adaptau_model_save, self, os.fsencode(path))

    def tables(self):
        tables = Tables()
        call(lib.adaptau_model_get_tables, self, c.byref(tables))
        return tables

    def embeddings(self):
        """Views of the final embeddings, users and items, that follow the training; scores are cosines of their rows."""
        t = self.tables()
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
        call(lib.adaptau_model_top_k, self, _I32(len(users)), _borrow(users, np.int32, (len(users),)), _I32(k), seen,
             _borrow(items, np.int32), _borrow(scores, np.float32))
        return items, scores
