// SPDX-License-Identifier: MIT
//
// libadaptau for Node.js, by koffi: what a host needs to train, evaluate, recommend, save and load. index.js has all of it, and above
// it what trains in one call.
//
// Typed arrays are handed over as they are, and embeddings come back as views. Every call that fails throws an AdaptauError. An object
// keeps what it was made from; close() gives its memory back, and so does the garbage collector, later.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import koffi from 'koffi';

// Calls off the event loop run on a stack of koffi's, of 128 KiB unless it is told before its first library.
try {
  koffi.config({ async_stack_size: 1 << 20 });
} catch {
  // The host has loaded a library already, and its sizes hold.
}

// The library of $ADAPTAU_LIBRARY, else one in this folder, else the one that the dynamic loader finds.
function open() {
  const beside = fileURLToPath(new URL('./libadaptau.so.1', import.meta.url));
  const path = process.env.ADAPTAU_LIBRARY || (existsSync(beside) ? beside : 'libadaptau.so.1');
  try {
    return koffi.load(path);
  } catch (error) {
    throw new Error(`${path}: ${error.message}; install libadaptau, or set ADAPTAU_LIBRARY to its path`, { cause: error });
  }
}

export const library = open();

for (const name of ['context', 'dataset', 'model', 'temperature', 'sampler', 'evaluator', 'fold_in', 'training']) {
  koffi.opaque(`adaptau_${name}`);
}
koffi.proto('int32_t adaptau_fit_function(void *user_data, const void *progress)');
koffi.proto('int32_t adaptau_attachment_function(void *user_data, const void *attachment)');
koffi.proto('int32_t adaptau_progress_function(void *user_data, int32_t what, int64_t done, int64_t total)');
koffi.proto('int32_t adaptau_write_function(void *user_data, const void *bytes, int64_t size)');

// ---- structs, as in the headers -------------------------------------------------------------------------------------------

koffi.struct('adaptau_error', {
  status: 'int32_t', os_error: 'int32_t', message: koffi.array('char', 248),
});

const structs = {
  adaptau_context_options: {
    struct_size: 'uint32_t', n_threads: 'int32_t', backend: 'int32_t', bfloat16: 'int32_t', cpu_disable: 'uint64_t',
    executor: 'void *', executor_data: 'void *', allocate: 'void *', free: 'void *', allocator_data: 'void *', log: 'void *',
    log_data: 'void *',
  },
  adaptau_dataset_view: {
    struct_size: 'uint32_t', n_users: 'int32_t', n_items: 'int32_t', reserved: 'int32_t', user_ptr: 'void *', user_items: 'void *',
    item_ptr: 'void *', item_users: 'void *', user_weights: 'void *', item_weights: 'void *',
    negative_ptr: 'void *', negatives: 'void *', negative_weights: 'void *',
  },
  adaptau_split_options: {
    struct_size: 'uint32_t', flags: 'uint32_t', share: 'double', seed: 'uint64_t', times: 'int64_t *',
  },
  adaptau_tables: {
    struct_size: 'uint32_t', flags: 'uint32_t', n_users: 'int32_t', n_items: 'int32_t', dim: 'int32_t', reserved: 'int32_t',
    users: 'void *', user_stride: 'int64_t', items: 'void *', item_stride: 'int64_t', item_bias: 'void *',
  },
  adaptau_batch: {
    struct_size: 'uint32_t', flags: 'uint32_t', n_rows: 'int32_t', candidates: 'int32_t', users: 'void *',
    positive_ptr: 'void *', positives: 'void *', n_candidates: 'int64_t', candidate_ids: 'void *', log_q: 'void *',
    row_weights: 'void *', positive_weights: 'void *', negative_ptr: 'void *', negatives: 'void *', negative_weights: 'void *',
    target_shares: 'void *', user_targets: 'void *', item_targets: 'void *', item_target_scale: 'float', reserved: 'int32_t',
  },
  adaptau_sampler_options: {
    struct_size: 'uint32_t', flags: 'uint32_t', kind: 'int32_t', rows: 'int32_t', rows_per_batch: 'int32_t',
    reserved: 'int32_t', n_candidates: 'int64_t', popularity_exponent: 'double', row_weight_exponent: 'double',
    seed: 'uint64_t',
  },
  adaptau_temperature_options: {
    struct_size: 'uint32_t', tau0_policy: 'int32_t', tau_user_policy: 'int32_t', warmup_updates: 'int32_t', tau: 'double',
    warmup_delta_mu: 'double', tau_min: 'double', tau_max: 'double', divisor: 'double', threshold_quantile: 'double',
    degree_quantile: 'double', exact_sample: 'int32_t', reserved: 'int32_t', learning_rate: 'double',
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
  adaptau_recipe: {
    struct_size: 'uint32_t', encoder: 'int32_t', init: 'int32_t', normalise: 'int32_t', free_length: 'int32_t',
    unit_raw_rows: 'int32_t', rank_raw: 'int32_t', row_second_moment: 'int32_t', bfloat16: 'int32_t', loss: 'int32_t',
    tau0_policy: 'int32_t', tau_user_policy: 'int32_t', candidates: 'int32_t', log_q: 'int32_t', reject_positives: 'int32_t',
    positives_outside_sum: 'int32_t', dim: 'int64_t', n_layers: 'int64_t', rows_per_batch: 'int64_t', n_candidates: 'int64_t',
    epochs: 'int64_t', warmup_epochs: 'int64_t', seed: 'uint64_t', edge_dropout: 'double', layer_dropout: 'double',
    gate: 'double', weight_decay: 'double', margin: 'double', negative_weight: 'double', tau: 'double', tau_min: 'double',
    tau_max: 'double', tau_divisor: 'double', tau_learning_rate: 'double', threshold_quantile: 'double',
    degree_quantile: 'double', popularity_exponent: 'double', row_weight_exponent: 'double', soft_targets: 'double',
    learning_rate_users: 'double', learning_rate_items: 'double', popularity_prior: 'double', top_k: 'int64_t',
    weight_tau: 'double', positive_scale: 'double', activation: 'int32_t', reserved: 'int32_t',
  },
  adaptau_training_state: {
    struct_size: 'uint32_t', reserved: 'int32_t', epoch: 'int64_t', n_epochs: 'int64_t', step: 'int64_t', n_steps: 'int64_t',
    loss: 'double', tau0: 'double',
  },
  adaptau_fit_options: {
    struct_size: 'uint32_t', cutoff: 'int32_t', validation: 'adaptau_dataset *', held_out_share: 'double',
    held_out_seed: 'uint64_t', n_epochs: 'int64_t', eval_every: 'int64_t', patience: 'int64_t', on_step: 'adaptau_fit_function *',
    on_epoch: 'adaptau_fit_function *', user_data: 'void *',
  },
  adaptau_fit_result: {
    struct_size: 'uint32_t', stopped: 'int32_t', n_epochs: 'int64_t', n_searched: 'int64_t', loss: 'double', tau0: 'double',
    recall: 'double', ndcg: 'double', recipe: 'void *', fold_in: 'void *',
  },
  adaptau_fit_progress: {
    phase: 'int32_t', evaluated: 'int32_t', best: 'int32_t', reserved: 'int32_t', epoch: 'int64_t', n_epochs: 'int64_t',
    step: 'int64_t', n_steps: 'int64_t', loss: 'double', tau0: 'double', recall: 'double', ndcg: 'double', model: 'void *',
  },
  adaptau_fold_in_options: {
    struct_size: 'uint32_t', flags: 'uint32_t', tau_user_policy: 'int32_t', n_steps: 'int32_t', tau: 'double',
    threshold: 'double', divisor: 'double', target_strength: 'double', popularity_exponent: 'double',
  },
  adaptau_attachment: {
    name: 'const char *', bytes: 'void *', size: 'int64_t',
  },
};
const types = {};
for (const [name, members] of Object.entries(structs)) types[name] = koffi.struct(name, members);

// Members by their names in the headers.
function assigned(name, struct, members) {
  for (const [member, value] of Object.entries(members)) {
    if (!(member in structs[name])) throw new TypeError(`${name} has no ${member}`);
    if (value !== undefined) struct[member] = value;
  }
  return struct;
}

// A struct with its size set, the members given, and zeros.
function sized(name, members = {}) {
  const struct = {};
  for (const [member, type] of Object.entries(structs[name])) struct[member] = type.endsWith('*') ? null : 0;
  struct.struct_size = koffi.sizeof(types[name]);
  return assigned(name, struct, members);
}

// A struct with the defaults that its _init call writes, and the members given.
function filled(name, init, members = {}, ...kinds) {
  const struct = sized(name);
  init(struct, ...kinds);
  return assigned(name, struct, members);
}

// ---- calls ----------------------------------------------------------------------------------------------------------------

const statusName = library.func('const char *adaptau_status_name(int32_t status)');

// The numbers of statuses by name: { E_ARGUMENT: 1, ... }.
export const STATUS = {};
for (let status = 1; statusName(status) !== statusName(-1); status++) STATUS[statusName(status)] = status;
Object.freeze(STATUS);

// A call that failed: `status`, its name as `name` and `code`, the system's errno as `osError`, and the library's message.
export class AdaptauError extends Error {
  constructor(message, status, osError = 0) {
    super(message);
    this.status = status;
    this.osError = osError;
    this.name = statusName(status);
    this.code = this.name;
  }
}

const raise = (cause) => new AdaptauError(cause.message, cause.status, cause.os_error);

// koffi refuses calls above a number that hosts may set; those above this one wait here.
const MOST_AT_ONCE = 64;
let running = 0;
const waiting = [];

async function turn() {
  if (running >= MOST_AT_ONCE) await new Promise((resolve) => { waiting.push(resolve); });
  running += 1;
}

function turnOver() {
  running -= 1;
  waiting.shift()?.();
}

// A function of the library that takes an adaptau_error last, as one that throws. Parameters are declared as in C, without the error.
// `later` makes the same call on a thread of libuv's and gives a promise. Objects are handed over by their handles, in arrays and
// structs, too.
export function declare(name, parameters) {
  const native = library.func(`int32_t ${name}(${parameters}, _Out_ adaptau_error *error)`);
  const call = (...values) => {
    const cause = {};
    if (native(...values.map((value) => lowered(value)), cause) !== 0) throw raise(cause);
  };
  call.later = async (...values) => {
    const used = [];
    const low = values.map((value) => lowered(value, used));
    const handles = used.map((object) => object.hold()); // close() may come while the call runs
    await turn();
    try {
      await new Promise((resolve, reject) => {
        const cause = {};
        native.async(...low, cause, (broken, status) => {
          low.length = 0; // until here the arrays were in use
          if (broken) reject(broken);
          else if (status !== 0) reject(raise(cause));
          else resolve();
        });
      });
    } finally {
      turnOver();
      for (const handle of handles) handle.release();
    }
  };
  return call;
}

const native = {
  contextCreate: declare('adaptau_context_create', 'const adaptau_context_options *options, _Out_ adaptau_context **out'),
  contextDestroy: library.func('void adaptau_context_destroy(adaptau_context *context)'),
  contextProgress: declare('adaptau_context_set_progress', 'adaptau_context *context, adaptau_progress_function *function, '
    + 'void *user_data'),
  contextBackend: library.func('const char *adaptau_context_backend(const adaptau_context *context)'),
  datasetCreate: declare('adaptau_dataset_create_from_interactions', 'adaptau_context *context, int32_t n_users, int32_t n_items, '
    + 'int64_t n_pairs, const int32_t *users, const int32_t *items, const float *weights, _Out_ adaptau_dataset **out'),
  datasetSplit: declare('adaptau_dataset_split', 'adaptau_context *context, const adaptau_dataset *dataset, '
    + 'const adaptau_split_options *options, _Out_ adaptau_dataset **kept, _Out_ adaptau_dataset **held_out'),
  datasetView: declare('adaptau_dataset_get_view', 'const adaptau_dataset *dataset, _Inout_ adaptau_dataset_view *out'),
  datasetDestroy: library.func('void adaptau_dataset_destroy(adaptau_dataset *dataset)'),
  datasetUsers: library.func('int32_t adaptau_dataset_n_users(const adaptau_dataset *dataset)'),
  datasetItems: library.func('int32_t adaptau_dataset_n_items(const adaptau_dataset *dataset)'),
  datasetPairs: library.func('int64_t adaptau_dataset_n_interactions(const adaptau_dataset *dataset)'),
  temperatureCreate: declare('adaptau_temperature_create', 'adaptau_context *context, const adaptau_dataset *dataset, '
    + 'const adaptau_temperature_options *options, _Out_ adaptau_temperature **out'),
  temperatureOptionsInit: declare('adaptau_temperature_options_init', '_Inout_ adaptau_temperature_options *options, '
    + 'int32_t tau0_policy, int32_t tau_user_policy'),
  temperatureDestroy: library.func('void adaptau_temperature_destroy(adaptau_temperature *temperature)'),
  temperatureState: declare('adaptau_temperature_get_state', 'const adaptau_temperature *temperature, '
    + '_Inout_ adaptau_temperature_state *out'),
  samplerCreate: declare('adaptau_sampler_create', 'adaptau_context *context, const adaptau_dataset *dataset, '
    + 'const adaptau_sampler_options *options, _Out_ adaptau_sampler **out'),
  samplerOptionsInit: declare('adaptau_sampler_options_init', '_Inout_ adaptau_sampler_options *options, int32_t kind'),
  samplerDestroy: library.func('void adaptau_sampler_destroy(adaptau_sampler *sampler)'),
  samplerBegin: declare('adaptau_sampler_begin_epoch', 'adaptau_sampler *sampler, int64_t epoch'),
  samplerNext: declare('adaptau_sampler_next', 'adaptau_sampler *sampler, _Inout_ adaptau_batch *out'),
  evaluatorCreate: declare('adaptau_evaluator_create', 'adaptau_context *context, const adaptau_dataset *held_out, '
    + 'const adaptau_evaluator_options *options, _Out_ adaptau_evaluator **out'),
  evaluatorOptionsInit: declare('adaptau_evaluator_options_init', '_Inout_ adaptau_evaluator_options *options'),
  evaluatorDestroy: library.func('void adaptau_evaluator_destroy(adaptau_evaluator *evaluator)'),
  evaluatorRun: declare('adaptau_evaluator_run', 'adaptau_evaluator *evaluator, const adaptau_tables *tables'),
  evaluatorMean: declare('adaptau_evaluator_mean', 'const adaptau_evaluator *evaluator, int32_t metric, int32_t cutoff, '
    + '_Out_ double *out'),
  evaluatorPerUser: declare('adaptau_evaluator_per_user', 'const adaptau_evaluator *evaluator, int32_t metric, int32_t cutoff, '
    + '_Out_ float *out'),
  evaluatorCount: library.func('int32_t adaptau_evaluator_n_users(const adaptau_evaluator *evaluator)'),
  evaluatorUsers: library.func('void *adaptau_evaluator_users(const adaptau_evaluator *evaluator)'),
  modelCreate: declare('adaptau_model_create', 'adaptau_context *context, const adaptau_dataset *dataset, '
    + 'const adaptau_model_options *options, _Out_ adaptau_model **out'),
  modelOptionsInit: declare('adaptau_model_options_init', '_Inout_ adaptau_model_options *options'),
  modelLoad: declare('adaptau_model_load_with', 'adaptau_context *context, const char *path, adaptau_attachment_function *take, '
    + 'void *user_data, _Out_ adaptau_model **out'),
  modelLoadFrom: declare('adaptau_model_load_from', 'adaptau_context *context, const void *bytes, int64_t size, '
    + 'adaptau_attachment_function *take, void *user_data, _Out_ adaptau_model **out'),
  modelMap: declare('adaptau_model_map', 'adaptau_context *context, const char *path, adaptau_attachment_function *take, '
    + 'void *user_data, _Out_ adaptau_model **out'),
  modelDestroy: library.func('void adaptau_model_destroy(adaptau_model *model)'),
  modelSave: declare('adaptau_model_save_with', 'const adaptau_model *model, const char *path, int32_t n, '
    + 'const adaptau_attachment *attachments'),
  modelSaveTo: declare('adaptau_model_save_to', 'const adaptau_model *model, adaptau_write_function *write, void *user_data, '
    + 'int32_t n, const adaptau_attachment *attachments'),
  modelGetFoldIn: declare('adaptau_model_get_fold_in', 'const adaptau_model *model, _Inout_ adaptau_fold_in_options *out'),
  modelTables: declare('adaptau_model_get_tables', 'const adaptau_model *model, _Inout_ adaptau_tables *out'),
  modelUpdateTemperature: declare('adaptau_model_update_temperature',
    'adaptau_model *model, adaptau_temperature *temperature'),
  modelGradients: declare('adaptau_model_gradients', 'adaptau_model *model, const adaptau_batch *batch, '
    + 'adaptau_temperature *temperature, _Inout_ adaptau_step *step'),
  modelApply: declare('adaptau_model_apply', 'adaptau_model *model'),
  modelRank: declare('adaptau_model_rank', 'const adaptau_model *model, const adaptau_query *query, _Out_ int32_t *found, '
    + '_Out_ float *scores'),
  foldInCreate: declare('adaptau_fold_in_create', 'const adaptau_model *model, const adaptau_dataset *dataset, '
    + 'const adaptau_fold_in_options *options, _Out_ adaptau_fold_in **out'),
  foldInOptionsInit: declare('adaptau_fold_in_options_init', '_Inout_ adaptau_fold_in_options *options, '
    + 'const adaptau_model *model, int32_t tau_user_policy'),
  foldInDestroy: library.func('void adaptau_fold_in_destroy(adaptau_fold_in *fold)'),
  foldInUsers: declare('adaptau_fold_in_users', 'const adaptau_fold_in *fold, int32_t n_users, const int64_t *item_ptr, '
    + 'const int32_t *items, const float *weights, _Out_ float *embeddings, _Out_ float *taus'),
  recipeInit: declare('adaptau_recipe_init', '_Inout_ adaptau_recipe *recipe'),
  recipeFill: declare('adaptau_recipe_fill', '_Inout_ adaptau_recipe *recipe, const adaptau_dataset *dataset'),
  trainingCreate: declare('adaptau_training_create', 'adaptau_context *context, const adaptau_dataset *dataset, '
    + 'const adaptau_recipe *recipe, _Out_ adaptau_training **out'),
  trainingDestroy: library.func('void adaptau_training_destroy(adaptau_training *training)'),
  trainingModel: library.func('adaptau_model *adaptau_training_model(const adaptau_training *training)'),
  trainingTemperature: library.func('adaptau_temperature *adaptau_training_temperature(const adaptau_training *training)'),
  trainingRecipe: declare('adaptau_training_get_recipe', 'const adaptau_training *training, _Inout_ adaptau_recipe *out'),
  trainingState: declare('adaptau_training_get_state', 'const adaptau_training *training, _Inout_ adaptau_training_state *out'),
  trainingBegin: declare('adaptau_training_begin_epoch', 'adaptau_training *training, int64_t epoch'),
  trainingNext: declare('adaptau_training_next', 'adaptau_training *training, _Inout_ adaptau_batch *batch'),
  trainingAddLoss: declare('adaptau_training_add_loss', 'adaptau_training *training, double loss'),
  trainingEnd: declare('adaptau_training_end_epoch', 'adaptau_training *training'),
  fit: declare('adaptau_fit', 'adaptau_context *context, const adaptau_dataset *dataset, const adaptau_recipe *recipe, '
    + 'const adaptau_fit_options *options, _Out_ adaptau_model **model, _Inout_ adaptau_fit_result *result'),
  fitOptionsInit: declare('adaptau_fit_options_init', '_Inout_ adaptau_fit_options *options'),
};

export const version = library.func('const char *adaptau_version_string(void)')();

// ---- handles --------------------------------------------------------------------------------------------------------------

// A pointer of the library's. It is destroyed when nobody holds it any more: its object, a call that runs, a view of its memory, or
// the handle of what was made from it. So no order of close() and of the garbage collector's is wrong.
class Handle {
  #holders = 1;

  #destroy;

  #keeps;

  constructor(pointer, destroy, keeps) {
    this.pointer = pointer;
    this.#destroy = destroy;
    this.#keeps = keeps;
  }

  hold() {
    this.#holders += 1;
    return this;
  }

  release() {
    this.#holders -= 1;
    if (this.#holders > 0) return;
    this.#destroy(this.pointer);
    for (const handle of this.#keeps) handle.release();
  }
}

const forgotten = new FinalizationRegistry((handle) => handle.release());

// A handle that a call of the library's has made, and the objects that it was made from.
class Made {
  constructor(pointer, from) {
    this.pointer = pointer;
    this.from = from;
  }
}

function make(create, ...values) {
  const out = [null];
  const from = [];
  values.forEach((value) => lowered(value, from));
  create(...values, out);
  return new Made(out[0], from);
}

async function makeLater(create, ...values) {
  const out = [null];
  const from = [];
  values.forEach((value) => lowered(value, from));
  await create.later(...values, out);
  return new Made(out[0], from);
}

// What all objects are: a handle that is destroyed once.
class Owned {
  #handle;

  constructor(made, destroy) {
    this.#handle = new Handle(made.pointer, destroy, made.from.map((object) => object.hold()));
    forgotten.register(this, this.#handle, this);
  }

  get handle() {
    return this.#open().pointer;
  }

  get closed() {
    return !this.#handle;
  }

  hold() {
    return this.#open().hold();
  }

  // Gives the memory back, once no call and no view uses it. For the second time it does nothing.
  close() {
    const handle = this.#handle;
    if (!handle) return;
    this.#handle = null;
    forgotten.unregister(this);
    handle.release();
  }

  #open() {
    if (!this.#handle) throw new AdaptauError(`this ${this.constructor.name} is closed`, STATUS.E_STATE);
    return this.#handle;
  }
}
const dispose = Symbol.dispose ?? Symbol.for('nodejs.dispose'); // Node.js before 18.18 has none
Owned.prototype[dispose] = Owned.prototype.close;

export { dispose };

// Objects by their handles, also those in arrays and in structs; `used` gets the objects.
function lowered(value, used) {
  if (value instanceof Owned) {
    used?.push(value);
    return value.handle;
  }
  if (Array.isArray(value)) return value.some((v) => v instanceof Owned) ? value.map((v) => lowered(v, used)) : value;
  if (value && value.struct_size && Object.values(value).some((v) => v instanceof Owned || Array.isArray(v))) {
    return Object.fromEntries(Object.entries(value).map(([member, v]) => [member, lowered(v, used)]));
  }
  return value;
}

// Memory of an object's as an array, without a copy. The array keeps the memory; it is to be read only.
function view(owner, pointer, Type, length) {
  if (length === 0) return new Type(0);
  const buffer = koffi.view(pointer, length * Type.BYTES_PER_ELEMENT);
  forgotten.register(buffer, owner.hold());
  return new Type(buffer);
}

// An array of the library's types as it is: another type is an error, never a silent copy.
function borrowed(name, array, Type, length) {
  if (!(array instanceof Type)) throw new TypeError(`${name}: wanted a ${Type.name}`);
  if (length !== undefined && array.length !== length) throw new RangeError(`${name}: wanted ${length} numbers, not ${array.length}`);
  return array;
}

// ---- objects --------------------------------------------------------------------------------------------------------------

export class Context extends Owned {
  // Members of adaptau_context_options by their names there: n_threads, ...
  constructor(options = {}) {
    super(make(native.contextCreate, sized('adaptau_context_options', options)), native.contextDestroy);
  }

  get backend() {
    return native.contextBackend(this.handle);
  }
}

export class Dataset extends Owned {
  // Interactions in any order, Int32Arrays, and their weights, a Float32Array or null; the library copies them.
  constructor(context, ...interactions) {
    super(context instanceof Made ? context : make(native.datasetCreate, context, ...Dataset.#checked(...interactions)),
      native.datasetDestroy);
  }

  // The same, off the event loop.
  static async later(context, ...interactions) {
    return new Dataset(await makeLater(native.datasetCreate, context, ...Dataset.#checked(...interactions)));
  }

  static #checked(nUsers, nItems, users, items, weights = null) {
    borrowed('users', users, Int32Array);
    borrowed('items', items, Int32Array, users.length);
    if (weights) borrowed('weights', weights, Float32Array, users.length);
    return [nUsers, nItems, users.length, users, items, weights];
  }

  // What is kept and what is held out, of each user's interactions: members of adaptau_split_options.
  split(context, options = {}) {
    const outs = [[null], [null]];
    native.datasetSplit(context, this, sized('adaptau_split_options', options), ...outs);
    const [kept, heldOut] = outs.map(([pointer]) => new Dataset(new Made(pointer, [context])));
    return { kept, heldOut };
  }

  get nUsers() {
    return native.datasetUsers(this.handle);
  }

  get nItems() {
    return native.datasetItems(this.handle);
  }

  get nInteractions() {
    return Number(native.datasetPairs(this.handle));
  }

  // Addresses of the sorted rows, valid as long as the dataset: adaptau_dataset_view.
  get pointers() {
    const out = sized('adaptau_dataset_view');
    native.datasetView(this, out);
    return out;
  }

  // The sorted rows as views: items of user u are items[Number(ptr[u])] ... before items[Number(ptr[u + 1])].
  get rows() {
    const { user_ptr: ptr, user_items: items, n_users: n } = this.pointers;
    return { ptr: view(this, ptr, BigInt64Array, n + 1), items: view(this, items, Int32Array, this.nInteractions) };
  }
}

export class Temperature extends Owned {
  // Members of adaptau_temperature_options.
  constructor(context, dataset, options = {}) {
    super(context instanceof Made ? context : make(native.temperatureCreate, context, dataset,
      filled('adaptau_temperature_options', native.temperatureOptionsInit, options, options.tau0_policy ?? 0, options.tau_user_policy ?? 0)),
    context instanceof Made ? () => {} : native.temperatureDestroy);
  }

  get state() {
    const state = sized('adaptau_temperature_state');
    native.temperatureState(this, state);
    return state;
  }
}

export class Sampler extends Owned {
  // Members of adaptau_sampler_options.
  constructor(context, dataset, options = {}) {
    super(make(native.samplerCreate, context, dataset,
      filled('adaptau_sampler_options', native.samplerOptionsInit, options, options.kind ?? 0)), native.samplerDestroy);
  }

  // The batches of an epoch. One is good until the next is asked for.
  * epoch(number) {
    native.samplerBegin(this, number);
    for (;;) {
      const batch = sized('adaptau_batch');
      native.samplerNext(this, batch);
      if (batch.n_rows === 0) return;
      yield batch;
    }
  }
}

export const METRICS = Object.freeze(['recall', 'ndcg', 'precision', 'hit_rate', 'mrr', 'map']);

function metricNumber(name) {
  const number = METRICS.indexOf(name);
  if (number < 0) throw new TypeError(`metric '${name}', but there are ${METRICS.join(', ')}`);
  return number;
}

export class Evaluator extends Owned {
  constructor(context, heldOut, { cutoffs = [20], masks = [] } = {}) {
    super(make(native.evaluatorCreate, context, heldOut, filled('adaptau_evaluator_options', native.evaluatorOptionsInit, {
      n_cutoffs: cutoffs.length, cutoffs: Int32Array.from(cutoffs), n_masks: masks.length, masks,
    })), native.evaluatorDestroy);
  }

  run(model) {
    native.evaluatorRun(this, model.tables);
  }

  // The same, off the event loop.
  async runLater(model) {
    const handle = model.hold();
    try {
      await native.evaluatorRun.later(this, model.tables);
    } finally {
      handle.release();
    }
  }

  // A metric by name, at one of the evaluator's cutoffs.
  mean(metric, cutoff = 20) {
    const out = [0];
    native.evaluatorMean(this, metricNumber(metric), cutoff, out);
    return out[0];
  }

  // The users who have held-out items, ascending.
  get users() {
    return view(this, native.evaluatorUsers(this.handle), Int32Array, native.evaluatorCount(this.handle));
  }

  // The metric of each of these users.
  perUser(metric, cutoff = 20) {
    const out = new Float32Array(native.evaluatorCount(this.handle));
    native.evaluatorPerUser(this, metricNumber(metric), cutoff, out);
    return out;
  }
}

// Rows of embeddings in the library's memory, without a copy: `data` has `stride` numbers for each row, of which `dim` are the row.
export class Table {
  constructor(data, nRows, dim, stride) {
    this.data = data;
    this.nRows = nRows;
    this.dim = dim;
    this.stride = stride;
  }

  row(number) {
    if (!(number >= 0 && number < this.nRows)) throw new RangeError(`row ${number}, but there are ${this.nRows}`);
    return this.data.subarray(number * this.stride, number * this.stride + this.dim);
  }
}

// Callbacks of the library's while `work` runs; what one throws ends the call and is thrown here. undefined: no callback.
async function during(prototype, functions, work) {
  const raised = [];
  const guarded = (answer) => koffi.register((_, ...values) => {
    try {
      return answer(...values);
    } catch (error) { // nothing may pass through the library
      raised.push(error);
      return -1;
    }
  }, `${prototype} *`);
  const pointers = functions.map((answer) => (answer ? guarded(answer) : null));
  try {
    return await work(...pointers);
  } catch (error) {
    throw raised.length > 0 ? raised[0] : error;
  } finally {
    pointers.filter(Boolean).forEach((pointer) => koffi.unregister(pointer));
  }
}

function bytesAt(pointer, size) {
  return size === 0 ? Buffer.alloc(0) : Buffer.from(Buffer.from(koffi.view(pointer, size)));
}

// { name: bytes } as an array of structs.
function attachmentsOf(named) {
  return Object.entries(named).map(([name, bytes]) => ({ name, bytes, size: bytes.length }));
}

export class Model extends Owned {
  constructor(made) {
    super(made, made.borrowed ? () => {} : native.modelDestroy);
  }

  // Members of adaptau_model_options.
  static create(context, dataset, options = {}) {
    return new Model(make(native.modelCreate, context, dataset,
      filled('adaptau_model_options', native.modelOptionsInit, options)));
  }

  static load(context, path) {
    return new Model(make(native.modelLoad, context, path, null, null));
  }

  // The model, and what was saved with it: { name: bytes }, of a path or of the bytes of such a file. mapped: the embeddings stay in
  // the file, whose pages all processes share, and the model cannot be trained. Off the event loop.
  static async loadWith(context, source, { mapped = false } = {}) {
    const attachments = {};
    const take = (argument) => {
      const { name, bytes, size } = koffi.decode(argument, types.adaptau_attachment);
      attachments[name] = bytesAt(bytes, Number(size));
      return 0;
    };
    const inMemory = source instanceof Uint8Array;
    if (inMemory && mapped) throw new TypeError('bytes are not mapped, but a file is');
    const made = await during('adaptau_attachment_function', [take], (pointer) => (inMemory
      ? makeLater(native.modelLoadFrom, context, source, source.length, pointer, null)
      : makeLater(mapped ? native.modelMap : native.modelLoad, context, source, pointer, null)));
    return { model: new Model(made), attachments };
  }

  // One file, which is the old one or the new one as a whole.
  save(path, attachments = {}) {
    const array = attachmentsOf(attachments);
    native.modelSave(this, path, array.length, array);
  }

  // The same, off the event loop.
  async saveLater(path, attachments = {}) {
    const array = attachmentsOf(attachments);
    await native.modelSave.later(this, path, array.length, array);
  }

  // The bytes of that file, which is written nowhere. Off the event loop.
  async toBuffer(attachments = {}) {
    const array = attachmentsOf(attachments);
    const pieces = [];
    const write = (bytes, size) => {
      pieces.push(bytesAt(bytes, Number(size)));
      return 0;
    };
    await during('adaptau_write_function', [write],
      (pointer) => native.modelSaveTo.later(this, pointer, null, array.length, array));
    return Buffer.concat(pieces);
  }

  // How new users are folded in, as the training said: adaptau_fold_in_options. null where the model does not say.
  get foldInOptions() {
    const out = sized('adaptau_fold_in_options');
    try {
      native.modelGetFoldIn(this, out);
    } catch (error) {
      if (error.status === STATUS.E_STATE) return null;
      throw error;
    }
    return out;
  }

  // adaptau_tables: sizes, flags and addresses, valid until the model changes.
  get tables() {
    const tables = sized('adaptau_tables');
    native.modelTables(this, tables);
    return tables;
  }

  // The final embeddings, views that follow the training.
  get embeddings() {
    const t = this.tables;
    const table = (pointer, n, stride) => new Table(view(this, pointer, Float32Array, n * (stride || t.dim)), n, t.dim, stride || t.dim);
    return { users: table(t.users, t.n_users, Number(t.user_stride)), items: table(t.items, t.n_items, Number(t.item_stride)) };
  }

  updateTemperature(temperature) {
    native.modelUpdateTemperature(this, temperature);
  }

  gradients(batch, temperature) {
    const step = sized('adaptau_step');
    native.modelGradients(this, batch, temperature, step);
    return { loss: step.loss, terms: step.n_terms };
  }

  apply() {
    native.modelApply(this);
  }

  // k items and their scores for each user of an Int32Array, best first; -1 where fewer are left.
  topK(users, k, seen = null) {
    const query = { n: users.length, ids: borrowed('users', users, Int32Array), k, seen };
    return this.#answers(query, (...values) => native.modelRank(...values));
  }

  // Any adaptau_query, off the event loop.
  async rank(members) {
    let done;
    const { items, scores } = this.#answers(members, (...values) => { done = native.modelRank.later(...values); });
    await done;
    return { found: items, scores };
  }

  #answers(members, call) {
    const items = new Int32Array(members.n * members.k);
    const scores = new Float32Array(members.n * members.k);
    call(this, sized('adaptau_query', members), items, scores);
    return { items, scores };
  }
}

// What new users are made of; `dataset` for soft targets and popularity. Members of adaptau_fold_in_options; null: as the model says.
export class FoldIn extends Owned {
  #dim;

  constructor(model, dataset, options = null) {
    super(model instanceof Made ? model : make(native.foldInCreate, model, dataset, FoldIn.#filled(model, options)), native.foldInDestroy);
    this.#dim = model instanceof Made ? model.dim : model.tables.dim;
  }

  static async later(model, dataset, options = null) {
    const made = await makeLater(native.foldInCreate, model, dataset, FoldIn.#filled(model, options));
    return new FoldIn(Object.assign(made, { dim: model.tables.dim }));
  }

  static #filled(model, options) {
    return options && filled('adaptau_fold_in_options', native.foldInOptionsInit, options, model,
      options.tau_user_policy ?? 0);
  }

  // Embeddings [n x dim] of users by the rows of a dataset. Off the event loop.
  async users(rows) {
    const { user_ptr: ptr, user_items: items, user_weights: weights, n_users: n } = rows.pointers;
    const handle = rows.hold();
    const embeddings = new Float32Array(n * this.#dim);
    try {
      await native.foldInUsers.later(this, n, ptr, items, weights, embeddings, null);
    } finally {
      handle.release();
    }
    return embeddings;
  }
}

// ---- trainings by a recipe --------------------------------------------------------------------------------------------------

export const BY_DATA = -1; // a member of a recipe that its data decide
export const GO_ON = 0; // what callbacks of a training answer
export const STOP = 1;

// The library's defaults, BY_DATA where the data decide, and what is named, by the names of adaptau_recipe.
export function recipe(members = {}) {
  return filled('adaptau_recipe', native.recipeInit, members);
}

// A copy in which every BY_DATA is replaced by its value.
export function fillRecipe(members, dataset) {
  const copy = { ...members };
  native.recipeFill(copy, dataset);
  return copy;
}

// A model, its temperature and its schedule, by a recipe; the steps are the host's.
export class Training extends Owned {
  #model;

  #temperature;

  constructor(context, dataset, by = recipe()) {
    super(make(native.trainingCreate, context, dataset, by), native.trainingDestroy);
    this.#model = new Model(Object.assign(new Made(native.trainingModel(this.handle), [this]), { borrowed: true }));
    this.#temperature = new Temperature(new Made(native.trainingTemperature(this.handle), [this]));
    this.recipe = sized('adaptau_recipe');
    native.trainingRecipe(this, this.recipe);
  }

  // Both are the training's, and keep it.
  get model() {
    return this.#model;
  }

  get temperature() {
    return this.#temperature;
  }

  get state() {
    const state = sized('adaptau_training_state');
    native.trainingState(this, state);
    return state;
  }

  // The batches of an epoch, which begins with the first and ends after the last.
  * epoch(number) {
    native.trainingBegin(this, number);
    for (;;) {
      const batch = sized('adaptau_batch');
      native.trainingNext(this, batch);
      if (batch.n_rows === 0) break;
      yield batch;
    }
    native.trainingEnd(this);
  }

  // For the mean in `state`.
  addLoss(loss) {
    native.trainingAddLoss(this, loss);
  }

  close() {
    this.#model.close();
    this.#temperature.close();
    super.close();
  }
}

// What a signal is to end, on a context that nobody else uses meanwhile: long calls ask it between two pieces of work.
export async function abortable(context, signal, work) {
  if (!signal) return work();
  const ask = () => {
    signal.throwIfAborted();
    return 0;
  };
  return during('adaptau_progress_function', [ask], async (pointer) => {
    native.contextProgress(context, pointer, null);
    try {
      return await work();
    } finally {
      native.contextProgress(context, null, null);
    }
  });
}

const PHASES = ['search', 'training', 'temperature'];

function progressOf(pointer) {
  const p = koffi.decode(pointer, types.adaptau_fit_progress);
  return {
    phase: PHASES[p.phase], epoch: p.epoch, nEpochs: p.n_epochs, step: p.step, nSteps: p.n_steps, loss: p.loss, tau0: p.tau0,
    evaluated: p.evaluated === 1, best: p.best === 1, recall: p.recall, ndcg: p.ndcg,
  };
}

// At its end Node.js waits for libuv's threads: for as long as a training takes, and for ever where it has a callback to be answered. So a
// process that ends while it trains ends at once.
const endNow = koffi.load(null).func('void _exit(int code)');
const onExit = (code) => endNow(code);
let trainings = 0;

async function interruptible(work) {
  trainings += 1;
  if (trainings === 1 && isMainThread) process.on('exit', onExit);
  try {
    return await work();
  } finally {
    trainings -= 1;
    if (trainings === 0) process.off('exit', onExit);
  }
}

// A model and what is known of it, trained off the event loop. Callbacks get what is known of a step or an epoch and answer STOP, or
// anything else to go on; one that throws ends the training, and its error is thrown here. A signal ends it with the signal's reason.
// Other options are members of adaptau_fit_options.
export async function fitDataset(context, dataset, by = recipe(), { onStep, onEpoch, signal, ...options } = {}) {
  signal?.throwIfAborted();
  const answer = (callback) => callback && ((pointer) => (callback(progressOf(pointer)) === STOP ? STOP : GO_ON));
  const step = answer(onStep);
  const watched = signal ? (pointer) => {
    signal.throwIfAborted();
    return step ? step(pointer) : GO_ON;
  } : step;
  const result = sized('adaptau_fit_result');
  const out = [null];
  await interruptible(() => during('adaptau_fit_function', [watched, answer(onEpoch)], (on_step, on_epoch) => native.fit.later(
    context, dataset, by, filled('adaptau_fit_options', native.fitOptionsInit, { on_step, on_epoch, ...options }), out, result)));
  return { model: new Model(new Made(out[0], [context])), result };
}
