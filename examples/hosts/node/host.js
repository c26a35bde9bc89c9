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

function trainEpoch(training, epoch) {
  const { model, temperature } = training;
  for (const batch of training.epoch(epoch)) {
    const step = model.gradients(batch, temperature);
    model.apply();
    training.addLoss(step.loss); // for the mean in its state
  }
}

function compare(a, b) {
  return a.items.every((item, k) => item === b.items[k] && a.scores[k] === b.scores[k]) ? 'the same' : 'different';
}

async function run(path, open) {
  const context = open(new adaptau.Context());
  const [train, test] = makePairs().map((p) => open(new adaptau.Dataset(context, USERS, ITEMS, p.users, p.items)));
  // A recipe says how a model is trained: what the host knows, and for the rest what suits the data.
  const wanted = adaptau.fillRecipe(adaptau.recipe({ dim: 16, epochs: 4, seed: 1 }), train);
  const training = open(new adaptau.Training(context, train, wanted)); // finds the temperature
  const { recipe, model } = training;
  const evaluator = open(new adaptau.Evaluator(context, test, { cutoffs: [CUTOFF], masks: [train] }));
  const fingerprint = new Fingerprint();

  console.log(`${USERS} users, ${ITEMS} items, ${train.nInteractions} pairs`);
  console.log(`recipe: ${recipe.epochs} epochs, ${recipe.rows_per_batch} users in a batch, tau ${recipe.tau.toFixed(6)}`);
  fingerprint.mixDouble(recipe.tau);
  for (let epoch = 0; epoch < recipe.epochs; epoch++) {
    trainEpoch(training, epoch);
    evaluator.run(model);
    const numbers = [training.state.loss, training.state.tau0, evaluator.mean('recall', CUTOFF)];
    const [loss, tau, recall] = numbers.map((number) => number.toFixed(6));
    console.log(`epoch ${epoch + 1}  loss ${loss}  tau ${tau}  recall@${CUTOFF} ${recall}`);
    for (const number of numbers) fingerprint.mixDouble(number);
  }

  const someone = Int32Array.of(SOMEONE);
  const best = model.topK(someone, BEST, train);
  best.items.forEach((item, k) => {
    console.log(`user ${SOMEONE}  item ${item}  score ${best.scores[k].toFixed(6)}`);
    fingerprint.mix(BigInt(item));
    fingerprint.mixFloat(best.scores[k]);
  });
  model.save(path);
  const loaded = open(adaptau.Model.load(context, path));
  console.log(`loaded: ${compare(best, loaded.topK(someone, BEST, train))}`);

  // All of it in one call, which tells of each epoch: by the same recipe it is the same model.
  let told = 0;
  const fit = await adaptau.fitDataset(context, train, recipe, { onEpoch: () => { told += 1; } });
  const fitted = open(fit.model);
  console.log(`fit: ${told} epochs, ${compare(best, fitted.topK(someone, BEST, train))}`);

  try {
    fitted.topK(Int32Array.of(USERS), BEST);
  } catch (error) { // a mistake of the host's; the model is as usable as before
    if (!(error instanceof adaptau.AdaptauError)) throw error;
    console.log(`user ${USERS}: ${error.name}: ${error.message}`);
  }
  console.log(`fingerprint ${fingerprint.value.toString(16).padStart(16, '0')}`);
}

async function main() {
  if (process.argv.length !== 3) {
    console.error('usage: host.js MODEL_FILE');
    return 2;
  }
  const objects = [];
  try {
    await run(process.argv[2], (object) => {
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

process.exitCode = await main();
