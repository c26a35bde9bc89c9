// SPDX-License-Identifier: MIT
'use strict';

// libadaptau for Node.js, by koffi. Typed arrays are handed over as they are. Objects are closed by close(), those made from a
// context before it; every failed call throws an AdaptauError.

const koffi = require('koffi');

const library = koffi.load(process.env.ADAPTAU_LIBRARY || 'libadaptau.so.1');

for (const name of ['context', 'dataset', 'model', 'temperature', 'sampler', 'evaluator']) koffi.opaque(`adaptau_${name}`);

koffi.struct('adaptau_error', {
  status: 'int32_t', os_error: 'int32_t', message: koffi.array('char', 248),
});

// As in the headers.
const structs = {
  adaptau_tables: {
    struct_size: 'uint32_t', flags: 'uint32_t', n_users: 'int32_t', n_items: 'int32_t', dim: 'int32_t', reserved: 'int32_t',
    users: 'void *', user_stride: 'int64_t', items: 'void *', item_stride: 'int64_t', item_bias: 'void *',
  },
  adaptau_batch: {
    struct_size: 'uint32_t', flags: 'uint32_t', n_rows: 'int32_t', candidates: 'int32_t', users: 'void *',
    positive_ptr: 'void *', positives: 'void *', n_candidates: 'int64_t', candidate_ids: 'void *', log_q: 'void *',
    row_weights: 'void *', positive_weights: 'void *', target_shares: 'void *', user_targets: 'void *', item_targets: 'void *',
    item_target_scale: 'float', reserved: 'int32_t',
  },
  adaptau_sampler_options: {
    struct_size: 'uint32_t', flags: 'uint32_t', kind: 'int32_t', rows: 'int32_t', rows_per_batch: 'int32_t',
    reserved: 'int32_t', n_candidates: 'int64_t', popularity_exponent: 'double', row_weight_exponent: 'double',
    seed: 'uint64_t',
  },
  adaptau_temperature_state: {
    struct_size: 'uint32_t', flags: 'uint32_t', n_updates: 'int64_t', n_users_counted: 'int64_t', n_users_clamped: 'int64_t',
    n_users_observed: 'int64_t', tau0: 'double', log_ratio: 'double', mean_all: 'double', variance_all: 'double',
    mean_positive: 'double', variance_positive: 'double', threshold: 'double', tau_user_min: 'double',
    tau_user_max: 'double',
  },
  adaptau_evaluator_options: {
    struct_size: 'uint32_t', n_cutoffs: 'int32_t', cutoffs: 'int32_t *', n_masks: 'int32_t', n_groups: 'int32_t',
    masks: 'adaptau_dataset **', item_groups: 'int32_t *',
  },
  adaptau_model_options: {
    struct_size: 'uint32_t', flags: 'uint32_t', encoder: 'int32_t', dim: 'int32_t', init: 'int32_t', n_layers: 'int32_t',
    seed: 'uint64_t', host_users: 'float *', host_items: 'float *', host_user_stride: 'int64_t',
    host_item_stride: 'int64_t', learning_rate_users: 'double', learning_rate_items: 'double', beta1_users: 'double',
    beta1_items: 'double', beta2: 'double', epsilon: 'double', weight_decay: 'double',
    edge_dropout: 'double', layer_dropout: 'double', gate: 'double', host_encoder: 'float *',
  },
  adaptau_query: {
    struct_size: 'uint32_t', flags: 'uint32_t', question: 'int32_t', n: 'int32_t', k: 'int32_t', n_allowed: 'int32_t',
    ids: 'int32_t *', embeddings: 'float *', embedding_stride: 'int64_t', seen: 'adaptau_dataset *', allowed: 'int32_t *',
    exclude_ptr: 'int64_t *', exclude: 'int32_t *',
  },
  adaptau_step: { struct_size: 'uint32_t', n_rows: 'int32_t', n_terms: 'double', loss: 'double' },
};
const types = {};
for (const [name, members] of Object.entries(structs)) types[name] = koffi.struct(name, members);

// A struct with its size set, the members given, and zeros.
function sized(name, members = {}) {
  const struct = {};
  for (const [member, type] of Object.entries(structs[name])) struct[member] = type.endsWith('*') ? null : 0;
  return Object.assign(struct, { struct_size: koffi.sizeof(types[name]) }, members);
}

// A struct with the defaults that its _init call writes, and the members given.
function filled(name, init, members = {}, ...kinds) {
  const struct = sized(name);
  init(struct, ...kinds);
  return Object.assign(struct, members);
}

class AdaptauError extends Error {
  constructor(cause) {
    super(cause.message);
    this.status = cause.status;
    this.osError = cause.os_error;
    this.name = statusName(cause.status);
  }
}

const statusName = library.func('const char *adaptau_status_name(int32_t status)');

// A function that takes an adaptau_error last, as one that throws.
function fallible(name, parameters) {
  const native = library.func(`int32_t ${name}(${parameters}, _Out_ adaptau_error *error)`);
  return (...values) => {
    const cause = {};
    if (native(...values, cause) !== 0) throw new AdaptauError(cause);
  };
}

const native = {
  contextCreate: fallible('adaptau_context_create', 'const void *options, _Out_ adaptau_context **out'),
  contextDestroy: library.func('void adaptau_context_destroy(adaptau_context *context)'),
  datasetCreate: fallible('adaptau_dataset_create_from_interactions', 'adaptau_context *context, int32_t n_users, int32_t n_items, '
    + 'int64_t n_pairs, const int32_t *users, const int32_t *items, const float *weights, _Out_ adaptau_dataset **out'),
  datasetDestroy: library.func('void adaptau_dataset_destroy(adaptau_dataset *dataset)'),
  datasetPairs: library.func('int64_t adaptau_dataset_n_interactions(const adaptau_dataset *dataset)'),
  temperatureCreate: fallible('adaptau_temperature_create', 'adaptau_context *context, const adaptau_dataset *dataset, '
    + 'const void *options, _Out_ adaptau_temperature **out'),
  temperatureDestroy: library.func('void adaptau_temperature_destroy(adaptau_temperature *temperature)'),
  temperatureState: fallible('adaptau_temperature_get_state', 'const adaptau_temperature *temperature, '
    + '_Inout_ adaptau_temperature_state *out'),
  samplerCreate: fallible('adaptau_sampler_create', 'adaptau_context *context, const adaptau_dataset *dataset, '
    + 'const adaptau_sampler_options *options, _Out_ adaptau_sampler **out'),
  samplerOptionsInit: fallible('adaptau_sampler_options_init', '_Inout_ adaptau_sampler_options *options, int32_t kind'),
  samplerDestroy: library.func('void adaptau_sampler_destroy(adaptau_sampler *sampler)'),
  samplerBegin: fallible('adaptau_sampler_begin_epoch', 'adaptau_sampler *sampler, int64_t epoch'),
  samplerNext: fallible('adaptau_sampler_next', 'adaptau_sampler *sampler, _Inout_ adaptau_batch *out'),
  evaluatorCreate: fallible('adaptau_evaluator_create', 'adaptau_context *context, const adaptau_dataset *held_out, '
    + 'const adaptau_evaluator_options *options, _Out_ adaptau_evaluator **out'),
  evaluatorOptionsInit: fallible('adaptau_evaluator_options_init', '_Inout_ adaptau_evaluator_options *options'),
  evaluatorDestroy: library.func('void adaptau_evaluator_destroy(adaptau_evaluator *evaluator)'),
  evaluatorRun: fallible('adaptau_evaluator_run', 'adaptau_evaluator *evaluator, const adaptau_tables *tables'),
  evaluatorMean: fallible('adaptau_evaluator_mean', 'const adaptau_evaluator *evaluator, int32_t metric, int32_t cutoff, '
    + '_Out_ double *out'),
  modelCreate: fallible('adaptau_model_create', 'adaptau_context *context, const adaptau_dataset *dataset, '
    + 'const adaptau_model_options *options, _Out_ adaptau_model **out'),
  modelOptionsInit: fallible('adaptau_model_options_init', '_Inout_ adaptau_model_options *options'),
  modelLoad: fallible('adaptau_model_load', 'adaptau_context *context, const char *path, _Out_ adaptau_model **out'),
  modelDestroy: library.func('void adaptau_model_destroy(adaptau_model *model)'),
  modelSave: fallible('adaptau_model_save', 'const adaptau_model *model, const char *path'),
  modelTables: fallible('adaptau_model_get_tables', 'const adaptau_model *model, _Inout_ adaptau_tables *out'),
  modelUpdateTemperature: fallible('adaptau_model_update_temperature',
    'adaptau_model *model, adaptau_temperature *temperature'),
  modelGradients: fallible('adaptau_model_gradients', 'adaptau_model *model, const adaptau_batch *batch, '
    + 'adaptau_temperature *temperature, _Inout_ adaptau_step *step'),
  modelApply: fallible('adaptau_model_apply', 'adaptau_model *model'),
  modelRank: fallible('adaptau_model_rank', 'const adaptau_model *model, const adaptau_query *query, _Out_ int32_t *found, '
    + '_Out_ float *scores'),
};

// What all objects are: a handle that is destroyed once. It keeps what it was made from.
class Owned {
  #destroy;

  constructor(create, destroy, ...values) {
    const out = [null];
    create(...values.map((value) => (value instanceof Owned ? value.handle : value)), out);
    [this.handle] = out;
    this.#destroy = destroy;
    this.madeFrom = values;
  }

  close() {
    if (this.handle) this.#destroy(this.handle);
    this.handle = null;
  }
}

class Context extends Owned {
  constructor() {
    super(native.contextCreate, native.contextDestroy, null);
  }
}

class Dataset extends Owned {
  // Interactions in any order, Int32Arrays, and their weights, a Float32Array or null; the library copies them.
  constructor(context, nUsers, nItems, users, items, weights = null) {
    if (users.length !== items.length) throw new RangeError(`${users.length} users, but ${items.length} items`);
    if (weights && weights.length !== users.length) throw new RangeError(`${users.length} users, but ${weights.length} weights`);
    super(native.datasetCreate, native.datasetDestroy, context, nUsers, nItems, users.length, users, items, weights);
  }

  get pairs() {
    return Number(native.datasetPairs(this.handle));
  }
}

class Temperature extends Owned {
  constructor(context, dataset) {
    super(native.temperatureCreate, native.temperatureDestroy, context, dataset, null);
  }

  get state() {
    const state = sized('adaptau_temperature_state');
    native.temperatureState(this.handle, state);
    return state;
  }
}

class Sampler extends Owned {
  constructor(context, dataset, options = {}) {
    super(native.samplerCreate, native.samplerDestroy, context, dataset, 
      filled('adaptau_sampler_options', native.samplerOptionsInit, options, options.kind ?? 0));
  }

  // The batches of an epoch. One is good until the next is asked for.
  * epoch(number) {
    native.samplerBegin(this.handle, number);
    for (;;) {
      const batch = sized('adaptau_batch');
      native.samplerNext(this.handle, batch);
      if (batch.n_rows === 0) return;
      yield batch;
    }
  }
}

const METRICS = ['recall', 'ndcg', 'precision', 'hit_rate', 'mrr', 'map'];

class Evaluator extends Owned {
  constructor(context, heldOut, { cutoffs = [20], masks = [] } = {}) {
    super(native.evaluatorCreate, native.evaluatorDestroy, context, heldOut, filled('adaptau_evaluator_options', native.evaluatorOptionsInit, {
      n_cutoffs: cutoffs.length, cutoffs: Int32Array.from(cutoffs), n_masks: masks.length, masks: masks.map((m) => m.handle),
    }));
    this.masks = masks;
  }

  run(model) {
    const tables = sized('adaptau_tables');
    native.modelTables(model.handle, tables);
    native.evaluatorRun(this.handle, tables);
  }

  mean(metric, cutoff = 20) {
    const out = [0];
    native.evaluatorMean(this.handle, METRICS.indexOf(metric), cutoff, out);
    return out[0];
  }
}

class Model extends Owned {
  static create(context, dataset, options = {}) {
    return new Model(native.modelCreate, native.modelDestroy, context, dataset, 
      filled('adaptau_model_options', native.modelOptionsInit, options));
  }

  static load(context, path) {
    return new Model(native.modelLoad, native.modelDestroy, context, path);
  }

  save(path) {
    native.modelSave(this.handle, path);
  }

  updateTemperature(temperature) {
    native.modelUpdateTemperature(this.handle, temperature.handle);
  }

  gradients(batch, temperature) {
    const step = sized('adaptau_step');
    native.modelGradients(this.handle, batch, temperature.handle, step);
    return { loss: step.loss, terms: step.n_terms };
  }

  apply() {
    native.modelApply(this.handle);
  }

  // k items and their scores for each user of an Int32Array, best first; -1 where fewer are left.
  topK(users, k, seen = null) {
    const items = new Int32Array(users.length * k);
    const scores = new Float32Array(users.length * k);
    const query = sized('adaptau_query', { n: users.length, ids: users, k, seen: seen && seen.handle });
    native.modelRank(this.handle, query, items, scores);
    return { items, scores };
  }
}

module.exports = { AdaptauError, Context, Dataset, Evaluator, Model, Sampler, Temperature };
