// SPDX-License-Identifier: MIT
//
// The installed package `adaptau` beside the trainer and beside plain JavaScript: answers, names, files, cancelling, memory. Run by
// test_node.sh with --expose-gc. $ADAPTAU_ROOT is the source tree, $ADAPTAU_TRAIN the trainer.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import * as adaptau from 'adaptau';

const { ADAPTAU_ROOT: ROOT, ADAPTAU_TRAIN: TRAIN } = process.env;
const DEMO = join(ROOT, 'examples/data/debian-depends');
const QUICK = { dim: 8, epochs: 3, temperature: 0.2, nThreads: 2 };
const TRAINED_WITH = { dim: 8, epochs: 2 };
const folder = mkdtempSync(join(tmpdir(), 'adaptau-'));
after(() => rmSync(folder, { recursive: true }));

// Users of a taste have its items; a part of these is for the test.
function makePairs() {
  const parts = [0, 1].map(() => ({ users: [], items: [] }));
  let state = 1;
  for (let user = 0; user < 60; user++) {
    for (let item = user % 4; item < 40; item += 4) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      if (state >>> 31 && item % 5) continue;
      const part = parts[(state >>> 16) % 4 === 0 && item % 5 ? 1 : 0];
      part.users.push(user);
      part.items.push(item);
    }
  }
  return parts.map(({ users, items }) => ({ users: Int32Array.from(users), items: Int32Array.from(items), nUsers: 60, nItems: 40 }));
}
const [train, held] = makePairs();
const userName = (user) => `u${String(user).padStart(5, '0')}`;
const named = ({ users, items }) => ({ users: Array.from(users, userName), items: Array.from(items, (i) => 1000 + i) });
const model = await adaptau.fit(train, QUICK);
const shop = await adaptau.fit(named(train), QUICK);

function readDemo(name) {
  const users = [];
  const items = [];
  for (const line of readFileSync(join(DEMO, name), 'utf8').split('\n').filter(Boolean)) {
    const [user, ...has] = line.split(' ').map(Number);
    for (const item of has) {
      users.push(user);
      items.push(item);
    }
  }
  return { users: Int32Array.from(users), items: Int32Array.from(items) };
}

const dot = (one, other) => one.reduce((sum, x, place) => sum + x * other[place], 0);
const cosine = (one, other) => dot(one, other) / Math.sqrt(dot(one, one) * dot(other, other));
const itemsOf = (data, user) => new Set(Array.from(data.items).filter((_, place) => data.users[place] === user));
const closeTo = (found, wanted, within, what) => assert.ok(Math.abs(found - wanted) <= within, `${what}: ${found}, not ${wanted}`);

test('fit has the trainer\'s numbers, while the event loop turns', async () => {
  const trained = JSON.parse(execFileSync(TRAIN, [DEMO, '--dim', '8', '--epochs', '2', '--quiet', '--json']).toString());
  const [rows, test_] = ['train.txt', 'test.txt'].map(readDemo);
  let ticks = 0;
  const timer = setInterval(() => { ticks += 1; }, 1);
  const byRows = await adaptau.fit({ ...rows, nItems: 5218 }, TRAINED_WITH);
  clearInterval(timer);
  assert.ok(ticks >= 10, `${ticks} ticks`);
  const found = await byRows.evaluate(test_, { cutoffs: [10, 20, 50] });
  closeTo(byRows.tau, trained.tau0, 1e-8, 'tau');
  assert.equal(Object.keys(found).length, 18);
  for (const [key, value] of Object.entries(found)) closeTo(value, trained[key], 1e-8, key);
  byRows.close();
});

test('names on the demo give the numbers of rows', async () => {
  const [rows, test_] = ['train.txt', 'test.txt'].map(readDemo);
  const has = Array.from(new Set(rows.items)).sort((one, other) => one - other); // names have the order of rows: draws are the same
  const rowOf = new Map(has.map((item, row) => [item, row]));
  const kept = (_, place) => rowOf.has(test_.items[place]);
  const known = { users: test_.users.filter(kept), items: test_.items.filter(kept) };
  const toNames = ({ users, items }) => ({ users: Array.from(users, userName), items: Array.from(items) });
  const toRows = ({ users, items }) => ({ users, items: items.map((item) => rowOf.get(item)) });
  const found = [];
  for (const form of [toNames, toRows]) {
    const fitted = await adaptau.fit(form(rows), { ...TRAINED_WITH, temperature: 0.1 });
    found.push(await fitted.evaluate(form(known), { cutoffs: [20] }));
    fitted.close();
  }
  assert.deepEqual(found[0], found[1]);
  assert.ok(found[0]['recall@20'] > 0.5);
});

test('names and rows give one model', async () => {
  assert.equal(shop.nItems, model.nItems);
  assert.deepEqual(shop.userEmbeddings.data, model.userEmbeddings.data);
  const wide = { ...train, users: BigInt64Array.from(train.users, BigInt), items: Uint16Array.from(train.items) };
  const pairs = Array.from(train.users, (user, place) => [user, train.items[place]]).reverse();
  for (const form of [wide, new adaptau.Interactions(train), pairs]) {
    const other = await adaptau.fit(form, QUICK);
    assert.deepEqual(other.itemEmbeddings.data, model.itemEmbeddings.data);
    other.close();
  }
});

test('an Int32Array is used as it is', () => {
  assert.equal(new adaptau.Interactions(train).users, train.users);
});

test('recommend ranks by score without what was seen', async () => {
  const bias = await model.recommend(null, 40, { seen: false });
  assert.equal(bias.length, 60);
  for (const user of [0, 7, 31]) {
    const all = bias[user];
    assert.equal(new Set(all.items).size, 40);
    assert.ok(all.scores.every((score, place) => place === 0 || score <= all.scores[place - 1]));
    const had = itemsOf(train, user);
    const left = Array.from(all.items).filter((item) => !had.has(item));
    const { items } = await model.recommend(user, 7);
    assert.deepEqual(Array.from(items), left.slice(0, 7));
    assert.deepEqual(Array.from((await model.recommend([user, 3], 40))[0].items), left); // shorter where fewer are left
    const few = await model.recommend(user, 9, { items: [30, 2, 2, 11, 8], exclude: [8], seen: false });
    assert.deepEqual(Array.from(few.items), Array.from(all.items).filter((item) => [30, 2, 11].includes(item)));
    const other = await model.recommend(user, 40, { seen: { users: Int32Array.of(user), items: Int32Array.of(5), nUsers: 60, nItems: 40 } });
    assert.deepEqual(Array.from(other.items), Array.from(all.items).filter((item) => item !== 5));
  }
});

test('similar is by cosine', async () => {
  for (const [table, ask, name] of [[model.itemEmbeddings, 'similarItems', 'items'], [model.userEmbeddings, 'similarUsers', 'users']]) {
    const found = (await model[ask]([4, 9], 6))[1];
    const cosines = Array.from({ length: table.nRows }, (_, row) => (row === 9 ? -2 : cosine(table.row(9), table.row(row))));
    const best = cosines.slice().sort((one, other) => other - one).slice(0, 6);
    found.scores.forEach((score, place) => {
      closeTo(score, best[place], 1e-6, ask);
      closeTo(score, cosines[found[name][place]], 1e-6, ask);
    });
  }
});

test('evaluate counts hits in the lists', async () => {
  const lists = await model.recommend(null, 10);
  const users = Array.from(new Set(held.users)).sort((one, other) => one - other);
  const recalls = users.map((user) => {
    const wanted = itemsOf(held, user);
    return Array.from(lists[user].items).filter((item) => wanted.has(item)).length / wanted.size;
  });
  const found = await model.evaluate(held, { cutoffs: [10, 5] });
  closeTo(found['recall@10'], recalls.reduce((sum, x) => sum + x, 0) / users.length, 1e-6, 'recall@10');
  const each = await model.evaluate(held, { cutoffs: [10], perUser: true });
  assert.deepEqual(Array.from(each.users), users);
  each['recall@10'].forEach((recall, place) => closeTo(recall, recalls[place], 1e-6, `recall of ${users[place]}`));
  const join_ = (name) => Int32Array.from([...held[name], ...train[name]]);
  const both = { users: join_('users'), items: join_('items') };
  assert.deepEqual(await model.evaluate(both, { cutoffs: [5, 10] }), found); // what was trained on does not count
});

test('names go in and come out', async () => {
  const { items, scores } = await shop.recommend(userName(3), 4);
  const rows = await model.recommend(3, 4);
  assert.deepEqual(items, Array.from(rows.items, (item) => 1000 + item));
  assert.deepEqual(scores, rows.scores);
  assert.ok((await shop.similarUsers(userName(3), 3)).users.every((name) => shop.userNames.includes(name)));
  const warned = new Promise((resolve) => { process.once('warning', resolve); });
  const stranger = { users: [...named(held).users, 'stranger'], items: [...named(held).items, 1000] };
  assert.deepEqual(await shop.evaluate(stranger), await model.evaluate(held));
  assert.match((await warned).message, /^1 of \d+ interactions/);
});

test('users are folded in', async () => {
  const lists = [[0, 4, 8], [1, 5]];
  const embeddings = await model.foldIn(lists);
  assert.deepEqual(embeddings.map((row) => row.length), [8, 8]);
  const answers = await model.recommend(null, 5, { embeddings, seen: lists });
  answers.forEach(({ items }, user) => {
    assert.ok(Array.from(items).every((item) => !lists[user].includes(item)));
    assert.ok(Array.from(items).filter((item) => item % 4 === user).length >= 3, 'of the taste');
  });
  assert.deepEqual(await shop.foldIn(lists.map((list) => list.map((item) => 1000 + item))), embeddings);
  const [once, again] = await Promise.all([model.foldIn(lists, { tau: 0.1 }), model.foldIn(lists)]);
  assert.notDeepEqual(once, embeddings);
  assert.deepEqual(again, embeddings);
});

test('weights count', async () => {
  const weights = Float32Array.from(train.users, (_, place) => 1 + (place % 7));
  const weighted = await adaptau.fit({ ...train, weights }, QUICK);
  assert.notDeepEqual(weighted.itemEmbeddings.data, model.itemEmbeddings.data);
  weighted.close();
  weights[3] = -2;
  await assert.rejects(adaptau.fit({ ...train, weights }, QUICK), { name: 'E_ARGUMENT', message: /weights\[3\] = -2 is outside/ });
});

test('a file, its bytes and the mapped file are the model', async () => {
  const path = join(folder, 'model');
  await shop.save(path);
  const bytes = await shop.toBuffer();
  assert.ok(bytes.equals(readFileSync(path)));
  const user = userName(5);
  const lists = [[1000, 1004]];
  for (const [source, options] of [[path, {}], [pathToFileURL(path), { mapped: true }], [bytes, {}]]) {
    const loaded = await adaptau.load(source, { ...options, interactions: named(train) });
    assert.deepEqual([loaded.tau, loaded.loss, loaded.userNames, loaded.itemNames], [shop.tau, shop.loss, shop.userNames, shop.itemNames]);
    assert.deepEqual(loaded.userEmbeddings.data, shop.userEmbeddings.data);
    assert.deepEqual(await loaded.recommend(user, 5), await shop.recommend(user, 5));
    assert.deepEqual(await loaded.foldIn(lists), await shop.foldIn(lists));
    loaded.close();
  }
  const alone = await adaptau.load(path);
  await assert.rejects(alone.recommend(user), { code: 'E_STATE', message: /does not know what users had/ });
  assert.deepEqual(await alone.recommend(user, 5, { seen: named(train) }), await shop.recommend(user, 5));
  alone.close();
  await assert.rejects(adaptau.load(Buffer.from('abc')), { code: 'E_FORMAT' });
});

test('the trainer\'s file has names', async () => {
  const data = join(folder, 'data.csv');
  const path = join(folder, 'trained');
  const { users, items } = named(train);
  writeFileSync(data, `user,item\n${users.map((user, place) => `${user},${items[place]}\n`).join('')}`);
  execFileSync(TRAIN, [data, '--test-share', '0', '--dim', '8', '--epochs', '3', '--tau', '0.2', '--quiet', '--save', path]);
  const loaded = await adaptau.load(path, { interactions: { users, items: items.map(String) } });
  assert.ok((await loaded.recommend(userName(5), 5)).items.every((name) => items.map(String).includes(name)));
  loaded.close();
});

test('a signal ends a training in a step, and says why', async () => {
  const reason = new Error('closing time');
  const stop = new AbortController();
  let steps = 0;
  const long = adaptau.fit(train, { ...QUICK, epochs: 1e7, signal: stop.signal, onStep: () => { steps += 1; } });
  const timer = setInterval(() => { if (steps > 3) stop.abort(reason); }, 1);
  await assert.rejects(long, reason);
  clearInterval(timer);
  await assert.rejects(adaptau.fit(train, { ...QUICK, signal: AbortSignal.abort() }), { name: 'AbortError' });
  const searching = new AbortController(); // before there is a model
  await assert.rejects(adaptau.fit(train, { dim: 8, signal: searching.signal, onStep: () => searching.abort(reason) }), reason);
});

test('callbacks see epochs, end a training, and throw through it', async () => {
  const seen = [];
  const whole = await adaptau.fit(train, { ...QUICK, onEpoch: (p) => { seen.push([p.phase, p.epoch, p.nEpochs]); } });
  assert.deepEqual(seen, [0, 1, 2].map((epoch) => ['training', epoch, 3]));
  assert.equal(whole.nEpochs, 3);
  const early = await adaptau.fit(train, { ...QUICK, onEpoch: () => adaptau.STOP });
  assert.equal(early.nEpochs, 1);
  await assert.rejects(adaptau.fit(train, { ...QUICK, onEpoch: () => { throw new RangeError('mine'); } }), new RangeError('mine'));
  const judged = await adaptau.fit(train, { ...QUICK, validation: held, patience: 2 });
  assert.ok(judged.recall > 0);
  for (const made of [whole, early, judged]) made.close();
});

test('options reach the library', async () => {
  for (const change of [{ seed: 1 }, { seed: 2n ** 60n }, { temperature: 0.3 }, { loss: 'bpr' }, { personal: 'by-loss' }, { encoder: 'lightgcn' },
    { epochs: 4 }, { recipe: { learning_rate_users: 0.1 } }]) {
    const other = await adaptau.fit(train, { ...QUICK, ...change });
    assert.notDeepEqual(other.userEmbeddings.data, model.userEmbeddings.data, Object.keys(change)[0]);
    other.close();
  }
});

test('errors have a status, and name what is wrong', async () => {
  await assert.rejects(adaptau.load('/nonexistent/model'), (error) => error instanceof adaptau.AdaptauError && error.code === 'E_IO'
    && error.status === adaptau.STATUS.E_IO && error.osError === 2);
  await assert.rejects(adaptau.fit(train, { dim: -3 }), { status: adaptau.STATUS.E_ARGUMENT, message: /dim = -3/ });
  await assert.rejects(adaptau.fit({ ...train, nItems: 3 }, QUICK), { code: 'E_INDEX', message: /^items\[\d+\]/ });
  await assert.rejects(model.recommend(60), /unknown user 60/);
  await assert.rejects(shop.recommend('nobody'), /unknown user "nobody"/);
  await assert.rejects(model.recommend('ann'), /have no names here/);
  await assert.rejects(model.recommend(0, 0), /k = 0/);
  await assert.rejects(model.foldIn([[40]]), /unknown item 40/);
  await assert.rejects(adaptau.fit(train, { encoder: 'bert' }), /encoder = "bert", but there are mf/);
  await assert.rejects(adaptau.fit(train, { dims: 3 }), /no option dims/);
  await assert.rejects(adaptau.fit(train, { recipe: { layers: 3 } }), /has no layers/);
  await assert.rejects(adaptau.fit({ users: ['a'], items: ['x', 'y'] }), /1 users, but 2 items/);
  await assert.rejects(adaptau.fit({ users: ['a', 5], items: ['x', 'y'] }), /users\[1\] = 5/);
  await assert.rejects(adaptau.fit([1, 2]), /wanted Interactions/);
});

test('a process ends while it trains', () => {
  const program = `import { fit } from 'adaptau';
    const users = Int32Array.from({ length: 9000 }, (_, place) => place % 900);
    const options = { dim: 8, epochs: 1e7, temperature: 0.2 };
    fit({ users, items: users.map((user, place) => (user * 7 + place) % 90) }, WATCH ? { ...options, onStep: () => {} } : options);
    setTimeout(() => process.exit(5), 100);`;
  for (const watch of ['true', 'false']) {
    const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', program.replace('WATCH', watch)], { timeout: 60000 });
    assert.equal(status, 5);
  }
});

test('hundreds of calls at once are answered', async () => {
  const one = await model.recommend(7, 5);
  const all = await Promise.all(Array.from({ length: 600 }, () => model.recommend(7, 5)));
  assert.ok(all.every(({ items }) => items.join() === one.items.join()));
});

test('a closed model answers nothing, and its views stay', async () => {
  const closing = await adaptau.fit(train, QUICK);
  const { data } = closing.userEmbeddings;
  const running = closing.recommend(null, 40);
  closing.close();
  closing.close();
  assert.equal((await running).length, 60);
  await assert.rejects(closing.recommend(0), { code: 'E_STATE', message: /is closed/ });
  assert.deepEqual(data, model.userEmbeddings.data);
});

test('what is forgotten is given back', async () => {
  const collect = async () => {
    for (let turn = 0; turn < 5; turn++) {
      globalThis.gc();
      await new Promise((resolve) => { setTimeout(resolve, 1); });
    }
  };
  const rows = { users: Int32Array.of(0, 1), items: Int32Array.of(1, 0), nUsers: 50000, nItems: 10 };
  const context = new adaptau.Context({ n_threads: 1 });
  const present = adaptau.library.func('void adaptau_context_memory(const adaptau_context *context, _Out_ uint64_t *present, void *peak)');
  const bytes = () => {
    const out = [0];
    present(context.handle, out, null);
    return out[0];
  };
  const empty = bytes();
  const use = (time) => {
    const data = new adaptau.Dataset(context, rows.nUsers, rows.nItems, rows.users, rows.items);
    const { users } = adaptau.Model.create(context, data, { dim: 16 }).embeddings;
    assert.equal(users.nRows, rows.nUsers);
    if (time % 2) data.close();
  };
  for (let time = 0; time < 20; time++) use(time);
  assert.ok(bytes() > empty + 1e7);
  await collect();
  assert.equal(bytes(), empty);
  context.close();
  assert.throws(() => context.handle, { code: 'E_STATE' });
});

test('the loop by recipe and fit give one model', async () => {
  const context = new adaptau.Context({ n_threads: 2 });
  const data = new adaptau.Dataset(context, 60, 40, train.users, train.items);
  const by = adaptau.recipe({ dim: 8, epochs: 4, seed: 3, tau0_policy: 0 });
  assert.equal(by.rows_per_batch, adaptau.BY_DATA);
  assert.ok(adaptau.fillRecipe(by, data).rows_per_batch > 0);
  const training = new adaptau.Training(context, data, by);
  for (let epoch = 0; epoch < training.recipe.epochs; epoch++) {
    for (const batch of training.epoch(epoch)) {
      training.addLoss(training.model.gradients(batch, training.temperature).loss);
      training.model.apply();
    }
  }
  const { model: fitted, result } = await adaptau.fitDataset(context, data, by);
  assert.deepEqual(fitted.embeddings.users.data, training.model.embeddings.users.data);
  assert.equal(training.state.loss, result.loss);
  const { kept, heldOut } = data.split(context, { share: 0.3, seed: 2 });
  assert.equal(kept.nInteractions + heldOut.nInteractions, data.nInteractions);
  assert.throws(() => fitted.topK([0], 2), TypeError);
  context.close(); // before the others, which is fine
  for (const object of [data, kept, heldOut, training, fitted]) object.close();
});

test('versions agree', () => {
  assert.equal(createRequire(import.meta.url)('adaptau/package.json').version, adaptau.version);
});
