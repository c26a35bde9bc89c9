// SPDX-License-Identifier: MIT
/// <reference types="node" />

/** What a user or an item is called: a string or a whole number. Where a side was given as an Int32Array, the number of its row. */
export type Name = string | number;

export type IntegerArray = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array;

/** Rows as whole numbers, or names. */
export type Names = IntegerArray | Iterable<Name>;

/** Interactions users[i], items[i] in any order; one that comes again counts once, or with weights adds to the first's. */
export interface Pairs {
  /** Numbers of rows in a typed array (an Int32Array is used as it is), or names, all strings or all whole numbers. */
  users: Names;
  items: Names;
  /** In [1e-30, 1e30]: how often it came, a rating. null: all 1. */
  weights?: Float32Array | Iterable<number> | null;
  /** Rows of users, beside numbers; by default the largest and one. */
  nUsers?: number;
  nItems?: number;
}

export type InteractionsLike = Interactions | Pairs | Array<[Name, Name] | [Name, Name, number]>;

export class Interactions {
  constructor(pairs: Pairs);
  static from(thing: InteractionsLike): Interactions;
  readonly users: Int32Array;
  readonly items: Int32Array;
  readonly weights: Float32Array | null;
  readonly length: number;
  readonly nUsers: number;
  readonly nItems: number;
  /** Names of rows, ascending; null where numbers of rows are all. */
  readonly userNames: Name[] | null;
  readonly itemNames: Name[] | null;
}

export type Encoder = 'mf' | 'lightgcn' | 'simplex';
export type Loss = 'softmax' | 'bpr' | 'bce' | 'mse' | 'ccl' | 'slatk' | 'bsl' | 'psl';
export type TemperaturePolicy = 'first-order' | 'second-order' | 'exact' | 'learned' | 'held-out';
export type Personal = 'none' | 'by-loss' | 'minimiser' | 'released' | 'learned';

/** Members of a struct of the library's by their names in its headers. Unknown ones throw a TypeError. */
export type Members = Record<string, unknown>;

/** What is known of a training after a step or an epoch. */
export interface Progress {
  /** Trainings that find the temperature, epochs that are judged, and the training whose model is returned. */
  phase: 'temperature' | 'search' | 'training';
  /** From 0. */
  epoch: number;
  nEpochs: number;
  step: number;
  nSteps: number;
  /** Mean of this epoch so far. */
  loss: number;
  tau0: number;
  /** recall and ndcg are those of this epoch. */
  evaluated: boolean;
  best: boolean;
  recall: number;
  ndcg: number;
}

/** Answers STOP to end the training with the model as it stands, or anything else to go on. */
export type ProgressCallback = (progress: Progress) => unknown;

export interface FitOptions {
  encoder?: Encoder;
  /** Numbers in an embedding. */
  dim?: number;
  /** By default by the data. */
  epochs?: number;
  loss?: Loss;
  /** A number is fixed; by default it is found by short trainings on a part of the data. */
  temperature?: number | TemperaturePolicy;
  /** Each user's own temperature; by default by the data. */
  personal?: Personal;
  /** The same data, options and seed give the same model, on any number of threads. */
  seed?: number | bigint;
  /** Other members of the library's recipe by name, such as { n_layers: 2 }; see recipe.h. */
  recipe?: Members;
  /** Interactions that are not among those trained on: the epoch that ranks them best is kept. */
  validation?: InteractionsLike;
  /** In (0, 1): hold so much of each user's interactions out, find the best epoch, and train again on all of them. */
  heldOutShare?: number;
  /** Evaluations without a better epoch before that search ends. */
  patience?: number;
  /** By default all CPUs. */
  nThreads?: number;
  onStep?: ProgressCallback;
  onEpoch?: ProgressCallback;
  /** Ends the training; `fit` rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** A list, best first, shorter where fewer are left. Items are names, or rows in an Int32Array where items have no names. */
export interface ItemList {
  items: Name[] | Int32Array;
  scores: Float32Array;
}

export interface UserList {
  users: Name[] | Int32Array;
  scores: Float32Array;
}

export interface RecommendOptions {
  /** true: leave out what was trained on; false: do not; or interactions to leave out. With `embeddings` a list for each. */
  seen?: boolean | InteractionsLike | Name[][];
  /** Only these. */
  items?: Names;
  /** None of these. */
  exclude?: Names;
  /** Of users who are not in the model (see foldIn); `users` is null then. */
  embeddings?: Float32Array | Float32Array[];
}

export interface LoadOptions {
  /** What the model was trained on, for `recommend` and `evaluate` to leave out, and for `foldIn`. */
  interactions?: InteractionsLike;
  nThreads?: number;
  /** The embeddings stay in the file, whose pages all processes share. The file must not be written over in place meanwhile. */
  mapped?: boolean;
}

export interface EvaluateOptions {
  cutoffs?: Iterable<number>;
  seen?: boolean | InteractionsLike;
}

/** Users, and the values of each of them by metric. */
export type PerUser = { users: Name[] | Int32Array } & { [metric: string]: Float32Array };

/** A trained model. Answers are computed off the event loop. */
export class AdapTau {
  private constructor();
  static fit(interactions: InteractionsLike, options?: FitOptions): Promise<AdapTau>;
  static load(source: string | URL | Uint8Array, options?: LoadOptions): Promise<AdapTau>;

  /** Of the last epoch; undefined for a file that does not tell. */
  readonly tau: number | undefined;
  readonly nEpochs: number | undefined;
  readonly loss: number | undefined;
  /** Of the best epoch on held-out interactions; 0 without. */
  readonly recall: number | undefined;
  readonly ndcg: number | undefined;
  readonly nUsers: number;
  readonly nItems: number;
  readonly userNames: Name[] | null;
  readonly itemNames: Name[] | null;
  /** Views of the model's memory, which they keep. Not to be written to. */
  readonly userEmbeddings: Table;
  readonly itemEmbeddings: Table;
  /** The model of the library's, for calls that only read it. */
  readonly model: Model;

  /** The k best items of one user, or a list for each of many; null: for all. */
  recommend(user: Name, k?: number, options?: RecommendOptions): Promise<ItemList>;
  recommend(users?: Names | null, k?: number, options?: RecommendOptions): Promise<ItemList[]>;
  /** The k items most similar to each, by cosine of embeddings; itself left out. */
  similarItems(item: Name, k?: number): Promise<ItemList>;
  similarItems(items: Names, k?: number): Promise<ItemList[]>;
  similarUsers(user: Name, k?: number): Promise<UserList>;
  similarUsers(users: Names, k?: number): Promise<UserList[]>;
  /** Embeddings of users who were not there when the model was trained, from what they have. */
  foldIn(lists: Array<Name[] | IntegerArray> | InteractionsLike, options?: { tau?: number }): Promise<Float32Array[]>;
  /** recall, ndcg, precision, hit_rate, mrr and map at each cutoff: { 'recall@20': ... }. */
  evaluate(test: InteractionsLike, options?: EvaluateOptions & { perUser?: false }): Promise<Record<string, number>>;
  evaluate(test: InteractionsLike, options: EvaluateOptions & { perUser: true }): Promise<PerUser>;
  /** One safetensors file, which is the old one or the new one as a whole. What was trained on is not in it. */
  save(path: string | URL): Promise<void>;
  /** The bytes of that file. */
  toBuffer(): Promise<Buffer>;
  /** Gives the memory back now, once no call and no view uses it. */
  close(): void;
  [Symbol.dispose](): void;
}

/** Train a model on interactions by the library's recipe. */
export function fit(interactions: InteractionsLike, options?: FitOptions): Promise<AdapTau>;

/** A model that `save` or adaptau-train wrote, or any safetensors file with user_embeddings and item_embeddings; or its bytes. */
export function load(source: string | URL | Uint8Array, options?: LoadOptions): Promise<AdapTau>;

/** A call that failed, with the library's message. */
export class AdaptauError extends Error {
  constructor(message: string, status: number, osError?: number);
  /** One of STATUS. */
  readonly status: number;
  /** Its name: 'E_INDEX'. `name` is the same. */
  readonly code: string;
  /** The system's errno, or 0. */
  readonly osError: number;
}

/** Numbers of statuses by name. */
export const STATUS: Readonly<Record<string, number>>;
/** The library's. */
export const version: string;

// ---- a loop of your own -------------------------------------------------------------------------------------------------------

/** What all objects of the library's are. An object keeps what it was made from. */
declare abstract class Owned {
  /** The address; throws an AdaptauError of E_STATE once the object is closed. */
  readonly handle: bigint;
  readonly closed: boolean;
  close(): void;
  [Symbol.dispose](): void;
}

export class Context extends Owned {
  constructor(options?: Members);
  readonly backend: string;
}

export class Dataset extends Owned {
  /** Interactions in any order, which the library copies. */
  constructor(context: Context, nUsers: number, nItems: number, users: Int32Array, items: Int32Array, weights?: Float32Array | null);
  static later(context: Context, nUsers: number, nItems: number, users: Int32Array, items: Int32Array,
    weights?: Float32Array | null): Promise<Dataset>;
  split(context: Context, options?: Members): { kept: Dataset; heldOut: Dataset };
  readonly nUsers: number;
  readonly nItems: number;
  readonly nInteractions: number;
  /** Views of sorted rows. */
  readonly rows: { ptr: BigInt64Array; items: Int32Array };
  readonly pointers: Members;
}

/** A struct of the library's; its arrays are good until the next is asked for. */
export type Batch = { readonly n_rows: number } & Members;

export class Sampler extends Owned {
  constructor(context: Context, dataset: Dataset, options?: Members);
  epoch(number: number): Generator<Batch, void>;
}

export class Temperature extends Owned {
  constructor(context: Context, dataset: Dataset, options?: Members);
  readonly state: { readonly tau0: number } & Members;
}

export type Metric = 'recall' | 'ndcg' | 'precision' | 'hit_rate' | 'mrr' | 'map';
export const METRICS: readonly Metric[];

export class Evaluator extends Owned {
  constructor(context: Context, heldOut: Dataset, options?: { cutoffs?: number[]; masks?: Dataset[] });
  run(model: Model): void;
  runLater(model: Model): Promise<void>;
  mean(metric: Metric, cutoff?: number): number;
  readonly users: Int32Array;
  perUser(metric: Metric, cutoff?: number): Float32Array;
}

/** Rows of embeddings in the library's memory, without a copy: `stride` numbers for each, of which `dim` are the row. */
export class Table {
  constructor(data: Float32Array, nRows: number, dim: number, stride: number);
  readonly data: Float32Array;
  readonly nRows: number;
  readonly dim: number;
  readonly stride: number;
  row(number: number): Float32Array;
}

export type Attachments = Record<string, Uint8Array>;

export class Model extends Owned {
  private constructor();
  static create(context: Context, dataset: Dataset, options?: Members): Model;
  static load(context: Context, path: string): Model;
  static loadWith(context: Context, source: string | Uint8Array,
    options?: { mapped?: boolean }): Promise<{ model: Model; attachments: Record<string, Buffer> }>;
  save(path: string, attachments?: Attachments): void;
  saveLater(path: string, attachments?: Attachments): Promise<void>;
  toBuffer(attachments?: Attachments): Promise<Buffer>;
  readonly tables: { n_users: number; n_items: number; dim: number } & Members;
  readonly embeddings: { users: Table; items: Table };
  readonly foldInOptions: ({ tau: number } & Members) | null;
  updateTemperature(temperature: Temperature): void;
  gradients(batch: Batch, temperature: Temperature): { loss: number; terms: number };
  apply(): void;
  /** Flat [users.length x k], best first; -1 where fewer are left. */
  topK(users: Int32Array, k: number, seen?: Dataset | null): { items: Int32Array; scores: Float32Array };
  /** Any adaptau_query by its members. */
  rank(query: { n: number; k: number } & Members): Promise<{ found: Int32Array; scores: Float32Array }>;
}

export class FoldIn extends Owned {
  /** Without options: as the model says. */
  constructor(model: Model, dataset?: Dataset | null, options?: Members | null);
  static later(model: Model, dataset?: Dataset | null, options?: Members | null): Promise<FoldIn>;
  /** Flat [rows of the dataset x dim]. */
  users(rows: Dataset): Promise<Float32Array>;
}

/** A member of a recipe that its data decide. */
export const BY_DATA: -1;
/** What callbacks of a training answer. */
export const GO_ON: 0;
export const STOP: 1;

export type Recipe = { epochs: number } & Members;

/** The library's defaults, and what is named, by the names of adaptau_recipe. */
export function recipe(members?: Members): Recipe;
/** A copy in which every BY_DATA is replaced by its value. */
export function fillRecipe(recipe: Recipe, dataset: Dataset): Recipe;

export class Training extends Owned {
  constructor(context: Context, dataset: Dataset, recipe?: Recipe);
  readonly recipe: Recipe;
  readonly model: Model;
  readonly temperature: Temperature;
  readonly state: { epoch: number; n_epochs: number; step: number; n_steps: number; loss: number; tau0: number };
  epoch(number: number): Generator<Batch, void>;
  addLoss(loss: number): void;
}

/** adaptau_fit off the event loop. Other options are members of adaptau_fit_options. */
export function fitDataset(context: Context, dataset: Dataset, recipe?: Recipe,
  options?: { onStep?: ProgressCallback; onEpoch?: ProgressCallback; signal?: AbortSignal; validation?: Dataset } & Members,
): Promise<{ model: Model; result: { n_epochs: number; loss: number; tau0: number; recall: number; ndcg: number } & Members }>;

/** The library as koffi has it. */
export const library: unknown;

/** A function of the library that takes an adaptau_error last, declared as in C without it, as one that throws; `later` calls it off
 *  the event loop. */
export function declare(name: string, parameters: string): ((...values: unknown[]) => void) & {
  later(...values: unknown[]): Promise<void>;
};
