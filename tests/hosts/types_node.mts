// SPDX-License-Identifier: MIT
// What a program in TypeScript writes: checked by tsc --noEmit against the package's types, and never run.
import { AdaptauError, AdapTau, Context, Dataset, Interactions, Model, STOP, Training, fit, load, recipe } from 'adaptau';

const named: AdapTau = await fit({ users: ['ann', 'bob'], items: ['tea', 'jam'], weights: [1, 2] }, {
  dim: 4, temperature: 0.2, loss: 'softmax', recipe: { n_layers: 2 }, signal: AbortSignal.timeout(1000),
  onEpoch: (progress) => (progress.phase === 'training' && progress.loss < 1 ? STOP : undefined),
});
const one = await named.recommend('ann', 3, { seen: [['tea', 'jam']], exclude: ['jam'] });
const first: string | number | undefined = one.items[0];
const many = await named.recommend(Int32Array.of(0, 1));
const score: number = many[0].scores[0];
const embeddings: Float32Array[] = await named.foldIn([['tea']]);
await named.recommend(null, 2, { embeddings, seen: false });
const mean: number = (await named.evaluate(Interactions.from([['ann', 'jam']]), { cutoffs: [5] }))['recall@5'];
const each: Float32Array = (await named.evaluate([['ann', 'jam', 2]], { perUser: true }))['recall@20'];
const bytes: Buffer = await named.toBuffer();
await load(bytes, { interactions: { users: ['ann'], items: ['tea'] } });
await load(new URL('file:///model'), { mapped: true });
named.close();
named[Symbol.dispose]();

const context = new Context({ n_threads: 2 });
const data = new Dataset(context, 2, 2, Int32Array.of(0, 1), Int32Array.of(1, 0));
const training = new Training(context, data, recipe({ dim: 4 }));
for (const batch of training.epoch(0)) training.addLoss(training.model.gradients(batch, training.temperature).loss);
const model: Model = training.model;
const status = (error: unknown): number => (error instanceof AdaptauError ? error.status : 0);

// @ts-expect-error no such encoder
await fit([['ann', 'tea']], { encoder: 'bert' });
// @ts-expect-error a list of users is no one
(await named.recommend(['ann'])).items;
// @ts-expect-error models are made by create and load
new Model();
export { first, score, mean, each, model, status };
