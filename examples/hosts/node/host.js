#!/usr/bin/env node
// SPDX-License-Identifier: MIT
//
// The host of ../README.md for Node.js, by the objects below `fit` of the package in this folder.

import * as adaptau from 'adaptau';

const USERS = 600;
const ITEMS = 200;
const TASTES = 10;
const TRAIN = 12;
const TEST = 4;
const EPOCHS = 8;
const CUTOFF = 10;
const BEST = 5;
const SOMEONE = 7;

// Of 16 draws from the 20 items of a user's taste, 12 are for training and 4 for the test.
function makePairs() {
  const parts = [TRAIN, TEST].map((draws) => ({
    users: new Int32Array(USERS * draws), items: new Int32Array(USERS * draws), n: 0,
  }));
  let state = 1;
  for (let user = 0; user < USERS; user++) {
    for (let draw = 0; draw < TRAIN + TEST; draw++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const part = parts[draw < TRAIN ? 0 : 1];
      part.users[part.n] = user;
      part.items[part.n++] = ((state >>> 16) % (ITEMS / TASTES)) * TASTES + (user % TASTES);
    }
  }
  return parts;
}

// Of the bits of every number that is printed.
class Fingerprint {
  #bits = new DataView(new ArrayBuffer(8));

  value = 0xcbf29ce484222325n;

  mix(bits) {
    this.value = BigInt.asUintN(64, (this.value ^ bits) * 0x100000001b3n);
  }

  mixDouble(number) {
    this.#bits.setFloat64(0, number);
    this.mix(this.#bits.getBigUint64(0));
  }

  mixFloat(number) {
    this.#bits.setFloat32(0, number);
    this.mix(BigInt(this.#bits.getUint32(0)));
  }
}

// The mean loss of an epoch's terms.
function trainEpoch(model, sampler, temperature, epoch) {
  let loss = 0;
  let terms = 0;
  model.updateTemperature(temperature);
  for (const batch of sampler.epoch(epoch)) {
    const step = model.gradients(batch, temperature);
    model.apply();
    loss += step.loss;
    terms += step.terms;
  }
  return loss / terms;
}

function run(path, open) {
  const context = open(new adaptau.Context());
  const [train, test] = makePairs().map((p) => open(new adaptau.Dataset(context, USERS, ITEMS, p.users, p.items)));
  const model = open(adaptau.Model.create(context, train, { dim: 32, seed: 1 }));
  const temperature = open(new adaptau.Temperature(context, train));
  const sampler = open(new adaptau.Sampler(context, train, { rows_per_batch: 64, seed: 1 }));
  const evaluator = open(new adaptau.Evaluator(context, test, { cutoffs: [CUTOFF], masks: [train] }));
  const fingerprint = new Fingerprint();

  console.log(`${USERS} users, ${ITEMS} items, ${train.nInteractions} pairs`);
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    const loss = trainEpoch(model, sampler, temperature, epoch);
    evaluator.run(model);
    const recall = evaluator.mean('recall', CUTOFF);
    const tau = temperature.state.tau0;
    const [l, t, r] = [loss, tau, recall].map((number) => number.toFixed(6));
    console.log(`epoch ${epoch + 1}  loss ${l}  tau ${t}  recall@${CUTOFF} ${r}`);
    for (const number of [loss, tau, recall]) fingerprint.mixDouble(number);
  }

  const someone = Int32Array.of(SOMEONE);
  const { items, scores } = model.topK(someone, BEST, train);
  items.forEach((item, k) => {
    console.log(`user ${SOMEONE}  item ${item}  score ${scores[k].toFixed(6)}`);
    fingerprint.mix(BigInt(item));
    fingerprint.mixFloat(scores[k]);
  });
  model.save(path);
  const loaded = open(adaptau.Model.load(context, path)).topK(someone, BEST, train);
  const same = items.every((item, k) => item === loaded.items[k] && scores[k] === loaded.scores[k]);
  console.log(`loaded: ${same ? 'the same' : 'different'}`);

  try {
    model.topK(Int32Array.of(USERS), BEST);
  } catch (error) { // a mistake of the host's; the model is as usable as before
    if (!(error instanceof adaptau.AdaptauError)) throw error;
    console.log(`user ${USERS}: ${error.name}: ${error.message}`);
  }
  console.log(`fingerprint ${fingerprint.value.toString(16).padStart(16, '0')}`);
}

function main() {
  if (process.argv.length !== 3) {
    console.error('usage: host.js MODEL_FILE');
    return 2;
  }
  const objects = [];
  try {
    run(process.argv[2], (object) => {
      objects.push(object);
      return object;
    });
    return 0;
  } catch (error) {
    if (!(error instanceof adaptau.AdaptauError)) throw error;
    console.error(`${error.name}: ${error.message}`);
    return 1;
  } finally {
    objects.reverse().forEach((object) => object.close());
  }
}

process.exitCode = main();
