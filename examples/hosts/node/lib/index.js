// SPDX-License-Identifier: MIT
//
// Embedding recommenders whose temperatures set themselves (Adap-tau, WWW 2023).
//
//     import { fit } from 'adaptau';
//     const model = await fit({ users, items });
//     const { items, scores } = await model.recommend('ann', 10);
//
// `fit` and `load` give an AdapTau, which recommends, evaluates and saves. Below it are the library's objects, for a program that owns
// its loop, and `declare` for every other call.

export { Interactions } from './data.js';
export { AdapTau, fit, load } from './recommender.js';
export {
  AdaptauError, BY_DATA, Context, Dataset, Evaluator, FoldIn, GO_ON, METRICS, Model, STATUS, STOP, Sampler, Table, Temperature,
  Training, declare, fillRecipe, fitDataset, library, recipe, version,
} from './library.js';
