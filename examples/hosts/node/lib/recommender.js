// SPDX-License-Identifier: MIT
//
// Training in one call, and what a trained model answers. All that takes long runs off the event loop.

import { fileURLToPath } from 'node:url';
import { Interactions, Side, isOne, listsOn } from './data.js';
import * as low from './library.js';

const ENCODERS = ['mf', 'lightgcn', 'simplex'];
const LOSSES = ['softmax', 'bpr', 'bce', 'mse', 'ccl', 'slatk', 'bsl', 'psl'];
const TEMPERATURES = ['first-order', 'second-order', 'exact', 'fixed', 'learned', 'held-out'];
const PERSONAL = ['none', 'by-loss', 'minimiser', 'released', 'learned'];
const SIMILAR = { item: 1, user: 2 }; // ADAPTAU_RANK_SIMILAR_ITEMS, _USERS
const COSINE = 1; // ADAPTAU_QUERY_COSINE
const OUTSIDE_SUM = 1; // ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM

function choice(name, value, choices) {
  if (!choices.includes(value)) throw new TypeError(`${name} = ${JSON.stringify(value)}, but there are ${choices.join(', ')}`);
  return choices.indexOf(value);
}

// The library's recipe, by the options of fit.
function recipeOf({ encoder, dim, epochs, loss, temperature, personal, seed, recipe = {} }) {
  const members = { ...recipe, dim, epochs, seed };
  if (encoder !== undefined) members.encoder = choice('encoder', encoder, ENCODERS);
  if (loss !== undefined) members.loss = choice('loss', loss, LOSSES);
  if (personal !== undefined) members.tau_user_policy = choice('personal', personal, PERSONAL);
  if (typeof temperature === 'number') Object.assign(members, { tau0_policy: TEMPERATURES.indexOf('fixed'), tau: temperature });
  else if (temperature !== undefined) members.tau0_policy = choice('temperature', temperature, TEMPERATURES);
  return low.recipe(members);
}

const toDataset = (context, data) => low.Dataset.later(context, data.nUsers, data.nItems, data.users, data.items, data.weights);

// What the sorted rows of `had` do not have.
function without(data, had) {
  const { ptr, items } = had.rows;
  const isNew = (_, place) => {
    let [low_, high] = [Number(ptr[data.users[place]]), Number(ptr[data.users[place] + 1])];
    const wanted = data.items[place];
    const end = high;
    while (low_ < high) {
      const middle = (low_ + high) >>> 1;
      if (items[middle] < wanted) low_ = middle + 1;
      else high = middle;
    }
    return low_ === end || items[low_] !== wanted;
  };
  return Interactions.of(data.users.filter(isNew), data.items.filter(isNew), null, data.userSide, data.itemSide);
}

// Names as a model's file has them: each with a NUL behind it.
function pack(names) {
  const bad = names.findIndex((name) => name === '' || String(name).includes('\0'));
  if (bad >= 0) throw new TypeError(`name ${bad} is empty or has a NUL in it, and cannot be saved`);
  return Buffer.from(names.map((name) => `${name}\0`).join(''));
}

function unpack(bytes, kind) {
  if (!bytes || bytes.length === 0) return null;
  const names = bytes.toString().split('\0').slice(0, -1);
  return kind === 'number' ? names.map(Number) : names;
}

// A trained model. `fit` and `load` make it.
export class AdapTau {
  #context;

  #model;

  #dataset = null;

  #fold = null;

  #users;

  #items;

  #embeddings = null;

  #answering = 0;

  #closed = false;

  constructor(context, model, userSide, itemSide, facts) {
    this.#context = context;
    this.#model = model;
    this.#users = userSide;
    this.#items = itemSide;
    Object.assign(this, facts); // tau, nEpochs, loss, recall, ndcg
  }

  // See fit below.
  static async fit(interactions, options = {}) {
    const { validation, heldOutShare, patience, nThreads, onStep, onEpoch, signal, ...settings } = options;
    for (const name of Object.keys(settings)) {
      if (!['encoder', 'dim', 'epochs', 'loss', 'temperature', 'personal', 'seed', 'recipe'].includes(name)) {
        throw new TypeError(`fit has no option ${name}`);
      }
    }
    signal?.throwIfAborted();
    const by = recipeOf(settings);
    const data = Interactions.from(interactions);
    const held = validation === undefined ? null : Interactions.from(validation).on(data.userSide, data.itemSide);
    const context = new low.Context({ n_threads: nThreads });
    const made = [context];
    try {
      const dataset = await toDataset(context, data);
      made.push(dataset);
      const judged = held && await toDataset(context, held);
      if (judged) made.push(judged);
      const { model, result } = await low.abortable(context, signal, () => low.fitDataset(context, dataset, by,
        { onStep, onEpoch, signal, validation: judged ?? undefined, held_out_share: heldOutShare, patience }));
      judged?.close();
      const self = new AdapTau(context, model, data.userSide, data.itemSide,
        { tau: result.tau0, nEpochs: result.n_epochs, loss: result.loss, recall: result.recall, ndcg: result.ndcg });
      self.#dataset = dataset;
      return self;
    } catch (error) {
      made.forEach((object) => object.close());
      throw error;
    }
  }

  get nUsers() {
    return this.#users.count;
  }

  get nItems() {
    return this.#items.count;
  }

  get userNames() {
    return this.#users.names;
  }

  get itemNames() {
    return this.#items.names;
  }

  // Tables of the model's memory, to be read only.
  get userEmbeddings() {
    return this.#tables().users;
  }

  get itemEmbeddings() {
    return this.#tables().items;
  }

  #tables() {
    this.#embeddings ??= this.#model.embeddings;
    return this.#embeddings;
  }

  // The model of the library's, for calls that only read it.
  get model() {
    return this.#model;
  }

  // ---- answers ------------------------------------------------------------------------------------------------------------

  // A model that is closed meanwhile stays until the answer is there.
  async #answer(work) {
    if (this.#closed) throw new low.AdaptauError('this model is closed', low.STATUS.E_STATE);
    this.#answering += 1;
    try {
      return await work();
    } finally {
      this.#answering -= 1;
      if (this.#closed) this.#giveBack();
    }
  }

  // The k best items for each user, best first.
  recommend(users, k = 10, options = {}) {
    return this.#answer(() => this.#recommend(users, k, options));
  }

  async #recommend(users, k, { seen = true, items, exclude, embeddings }) {
    const query = { k: Math.min(k, this.nItems), ...this.#allowed(items, exclude) };
    const one = isOne(users);
    let temporary = null;
    if (embeddings) {
      if (users !== undefined && users !== null) throw new TypeError('embeddings are of users without names: users is null then');
      Object.assign(query, this.#vectors(embeddings));
      if (seen !== true && seen !== false) {
        temporary = await this.#listsOf(seen, query.n);
        const { user_ptr: ptr, user_items: had } = temporary.pointers;
        Object.assign(query, { exclude_ptr: ptr, exclude: had });
      }
    } else {
      query.ids = users === undefined || users === null ? null : this.#users.find(users);
      query.n = query.ids ? query.ids.length : this.nUsers;
      query.seen = await this.#seen(seen);
      if (query.seen !== this.#dataset) temporary = query.seen;
    }
    try {
      return await this.#ask(query, 'items', this.#items, one);
    } finally {
      temporary?.close();
    }
  }

  async #ask(query, name, side, one) {
    if (!(query.k >= 1)) throw new RangeError(`k = ${query.k}, but lists have at least one entry`);
    const { found, scores } = await this.#model.rank(query);
    const lists = Array.from({ length: query.n }, (_, row) => {
      const part = found.subarray(row * query.k, (row + 1) * query.k);
      const end = part.indexOf(-1);
      const n = end < 0 ? query.k : end;
      return { [name]: side.namesOf(part.subarray(0, n)), scores: scores.subarray(row * query.k, row * query.k + n) };
    });
    return one ? lists[0] : lists;
  }

  // A dataset of what is to be left out, or null.
  async #seen(seen) {
    if (seen === false) return null;
    if (seen !== true) return toDataset(this.#context, Interactions.from(seen).on(this.#users, this.#items));
    if (!this.#dataset) {
      throw new low.AdaptauError('this model was loaded and does not know what users had: seen: interactions, or seen: false',
        low.STATUS.E_STATE);
    }
    return this.#dataset;
  }

  async #listsOf(lists, n) {
    const rows = listsOn(this.#items, lists);
    if (n !== undefined && rows.nUsers !== n) throw new RangeError(`seen has ${rows.nUsers} lists, but there are ${n} embeddings`);
    return toDataset(this.#context, rows);
  }

  #vectors(embeddings) {
    const dim = this.userEmbeddings.dim;
    const all = embeddings instanceof Float32Array ? [embeddings] : embeddings;
    const flat = all.length === 1 ? all[0] : Float32Array.from(all.flatMap((row) => Array.from(row)));
    if (!(flat instanceof Float32Array) || flat.length % dim !== 0) {
      throw new TypeError(`embeddings: wanted Float32Arrays of ${dim} numbers each, as foldIn gives`);
    }
    return { embeddings: flat, n: flat.length / dim };
  }

  #allowed(items, exclude) {
    if (items === undefined && exclude === undefined) return {};
    const chosen = new Set(items === undefined ? Array(this.nItems).keys() : this.#items.find(items));
    if (exclude !== undefined) this.#items.find(exclude).forEach((item) => chosen.delete(item));
    const allowed = Int32Array.from(chosen).sort();
    return { allowed, n_allowed: allowed.length };
  }

  // The k items most similar to each, by cosine of embeddings; itself left out.
  similarItems(items, k = 10) {
    return this.#similar('items', this.#items, items, k);
  }

  // The k users most similar to each, likewise.
  similarUsers(users, k = 10) {
    return this.#similar('users', this.#users, users, k);
  }

  #similar(name, side, wanted, k) {
    return this.#answer(() => {
      const ids = side.find(wanted);
      const query = { question: SIMILAR[side.kind], flags: COSINE, n: ids.length, ids, k: Math.min(k, side.count) };
      return this.#ask(query, name, side, isOne(wanted));
    });
  }

  // An embedding for each list of items, of users who were not there when the model was trained.
  foldIn(lists, { tau } = {}) {
    return this.#answer(() => this.#foldIn(lists, tau));
  }

  async #foldIn(lists, tau) {
    const fold = await this.#folded(tau);
    const rows = await this.#listsOf(lists);
    try {
      const flat = await fold.users(rows);
      const { dim } = this.userEmbeddings;
      return Array.from({ length: rows.nUsers }, (_, row) => flat.subarray(row * dim, (row + 1) * dim));
    } finally {
      rows.close();
    }
  }

  // As the training said with the model, at another temperature where one is given. Calls at the same one share it.
  #folded(tau) {
    if (!this.#fold || this.#fold.tau !== tau) {
      const by = this.#makeFold(tau);
      this.#fold = { tau, by };
      by.catch(() => { this.#fold = null; });
    }
    return this.#fold.by;
  }

  async #makeFold(tau) {
    return low.FoldIn.later(this.#model, this.#dataset, this.#foldInOptions(tau));
  }

  #foldInOptions(tau) {
    const said = this.#model.foldInOptions;
    if (said && tau === undefined) return null;
    if (said && this.#dataset) return { ...said, tau };
    if (tau === undefined) throw new low.AdaptauError('this model\'s file does not tell its temperature: tau: X', low.STATUS.E_STATE);
    return { ...said, flags: said?.flags ?? OUTSIDE_SUM, target_strength: 0, popularity_exponent: 0, tau };
  }

  // recall, ndcg, precision, hit_rate, mrr and map at each cutoff: { 'recall@20': ... }.
  evaluate(test, options = {}) {
    return this.#answer(() => this.#evaluate(test, options));
  }

  async #evaluate(test, { cutoffs = [20], seen = true, perUser = false }) {
    const had = await this.#seen(seen);
    const part = Interactions.from(test).on(this.#users, this.#items);
    const heldOut = await toDataset(this.#context, had ? without(part, had) : part);
    const ascending = Array.from(new Set(cutoffs)).sort((one, other) => one - other);
    let evaluator = null;
    try {
      evaluator = new low.Evaluator(this.#context, heldOut, { cutoffs: ascending, masks: had ? [had] : [] });
      const nobody = heldOut.nInteractions === 0;
      if (nobody) process.emitWarning('nobody has test interactions: metrics are NaN');
      else await evaluator.runLater(this.#model);
      const result = perUser ? { users: this.#users.namesOf(evaluator.users.slice()) } : {};
      for (const metric of low.METRICS) {
        for (const cutoff of ascending) {
          const value = () => (perUser ? evaluator.perUser(metric, cutoff) : evaluator.mean(metric, cutoff));
          const none = perUser ? new Float32Array(0) : NaN;
          result[`${metric}@${cutoff}`] = nobody ? none : value();
        }
      }
      return result;
    } finally {
      evaluator?.close();
      heldOut.close();
      if (had !== this.#dataset) had?.close();
    }
  }

  // ---- keeping ------------------------------------------------------------------------------------------------------------

  #attachments() {
    const kept = {};
    if (this.userNames) kept.user_names = pack(this.userNames);
    if (this.itemNames) kept.item_names = pack(this.itemNames);
    const kinds = [this.userNames, this.itemNames].map((names) => (names ? typeof names[0] : null));
    const { tau, nEpochs, loss } = this;
    kept.adaptau_node = Buffer.from(JSON.stringify({ tau, nEpochs, loss, names: kinds }));
    return kept;
  }

  // One safetensors file with embeddings and names, which adaptau-recommend and adaptau-evaluate read, too. What was trained on is not
  // in it: `load` takes it again.
  save(path) {
    return this.#answer(() => this.#model.saveLater(pathOf(path), this.#attachments()));
  }

  // The file of `save`, which is written nowhere.
  toBuffer() {
    return this.#answer(() => this.#model.toBuffer(this.#attachments()));
  }

  // See load below.
  static async load(source, { interactions, nThreads, mapped } = {}) {
    const context = new low.Context({ n_threads: nThreads });
    let opened = null;
    try {
      opened = await low.Model.loadWith(context, source instanceof Uint8Array ? source : pathOf(source), { mapped });
      const { model, attachments } = opened;
      const { names: kinds = [], ...facts } = JSON.parse(attachments.adaptau_node?.toString() ?? '{}');
      const { n_users: nUsers, n_items: nItems } = model.tables;
      const self = new AdapTau(context, model, new Side('user', nUsers, unpack(attachments.user_names, kinds[0])),
        new Side('item', nItems, unpack(attachments.item_names, kinds[1])), { tau: model.foldInOptions?.tau, ...facts });
      if (interactions !== undefined) {
        self.#dataset = await toDataset(context, Interactions.from(interactions).on(self.#users, self.#items));
      }
      return self;
    } catch (error) {
      opened?.model.close();
      context.close();
      throw error;
    }
  }

  // Gives the memory back now instead of some time, once what was asked is answered; nothing can be asked any more.
  close() {
    this.#closed = true;
    this.#giveBack();
  }

  #giveBack() {
    if (this.#answering > 0) return;
    this.#fold?.by.then((fold) => fold.close(), () => {});
    for (const object of [this.#model, this.#dataset, this.#context]) object?.close();
  }

  [low.dispose]() {
    this.close();
  }
}

const pathOf = (path) => (path instanceof URL ? fileURLToPath(path) : String(path));

// Train a model on interactions by the library's recipe.
export const fit = AdapTau.fit;

// A model that `save` or adaptau-train wrote, or any safetensors file with user_embeddings and item_embeddings.
export const load = AdapTau.load;
