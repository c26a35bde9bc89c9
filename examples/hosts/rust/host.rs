// SPDX-License-Identifier: MIT

//! The host of ../README.md in Rust, with the module beside this file.

mod adaptau;

use adaptau::{Context, Dataset, Evaluator, Model, Recipe, TopK, Training};

const USERS: i32 = 600;
const ITEMS: i32 = 200;
const TASTES: i32 = 10;
const TRAIN: usize = 12;
const TEST: usize = 4;
const CUTOFF: i32 = 10;
const BEST: usize = 5;
const SOMEONE: i32 = 7;

#[derive(Default)]
struct Pairs {
    users: Vec<i32>,
    items: Vec<i32>,
}

/// Of 16 draws from the 20 items of a user's taste, 12 are for training and 4 for the test.
fn make_pairs() -> (Pairs, Pairs) {
    let (mut train, mut test, mut state) = (Pairs::default(), Pairs::default(), 1u32);
    for user in 0..USERS {
        for draw in 0..TRAIN + TEST {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            let part = if draw < TRAIN { &mut train } else { &mut test };
            part.users.push(user);
            part.items.push((state >> 16) as i32 % (ITEMS / TASTES) * TASTES + user % TASTES);
        }
    }
    (train, test)
}

/// Of the bits of every number that is printed.
struct Fingerprint(u64);

impl Fingerprint {
    fn mix(&mut self, bits: u64) {
        self.0 = (self.0 ^ bits).wrapping_mul(0x100000001b3);
    }
}

fn train_epoch(training: &mut Training, epoch: i64) -> adaptau::Result<()> {
    training.begin_epoch(epoch)?;
    while let Some(batch) = training.next_batch()? {
        batch.step()?;
    }
    training.end_epoch()
}

fn compare(a: &TopK, b: &TopK) -> &'static str {
    if a == b { "the same" } else { "different" }
}

fn run(path: &str) -> adaptau::Result<()> {
    let (train_pairs, test_pairs) = make_pairs();
    let context = Context::new()?;
    let train = Dataset::new(&context, USERS, ITEMS, &train_pairs.users, &train_pairs.items)?;
    let test = Dataset::new(&context, USERS, ITEMS, &test_pairs.users, &test_pairs.items)?;
    // A recipe says how a model is trained: what the host knows, and for the rest what suits the data.
    let recipe = Recipe { dim: 16, epochs: 4, seed: 1, ..Recipe::new()? }.fill(&train)?;
    let mut training = Training::new(&context, &train, &recipe)?; // finds the temperature
    let recipe = training.recipe()?;
    let mut evaluator = Evaluator::new(&context, &test, CUTOFF, &train)?;
    let mut fingerprint = Fingerprint(0xcbf29ce484222325);

    println!("{USERS} users, {ITEMS} items, {} pairs", train.n_pairs());
    println!("recipe: {} epochs, {} users in a batch, tau {:.6}", recipe.epochs, recipe.rows_per_batch, recipe.tau);
    fingerprint.mix(recipe.tau.to_bits());
    for epoch in 0..recipe.epochs {
        train_epoch(&mut training, epoch)?;
        let recall = training.with_model(|model| evaluator.recall(model))?;
        let adaptau::State { loss, tau0 } = training.state()?;
        println!("epoch {}  loss {loss:.6}  tau {tau0:.6}  recall@{CUTOFF} {recall:.6}", epoch + 1);
        for number in [loss, tau0, recall] {
            fingerprint.mix(number.to_bits());
        }
    }

    let model = training.into_model();
    let best = model.top_k(&[SOMEONE], BEST, Some(&train))?;
    for (item, score) in best.items.iter().zip(&best.scores) {
        println!("user {SOMEONE}  item {item}  score {score:.6}");
        fingerprint.mix(*item as u64);
        fingerprint.mix(score.to_bits().into());
    }
    model.save(path)?;
    let loaded = Model::load(&context, path)?;
    println!("loaded: {}", compare(&best, &loaded.top_k(&[SOMEONE], BEST, Some(&train))?));

    // All of it in one call, which tells of each epoch: by the same recipe it is the same model.
    let mut n_epochs = 0;
    let fitted = adaptau::fit(&context, &train, &recipe, |progress| {
        n_epochs = progress.epoch + 1;
        true
    })?;
    println!("fit: {n_epochs} epochs, {}", compare(&best, &fitted.top_k(&[SOMEONE], BEST, Some(&train))?));

    // A mistake of the host's is an error like any other; the model is as usable as before.
    if let Err(error) = fitted.top_k(&[USERS], BEST, None) {
        println!("user {USERS}: {error}");
    }
    println!("fingerprint {:016x}", fingerprint.0);
    Ok(())
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.len() != 2 {
        eprintln!("usage: host MODEL_FILE");
        std::process::exit(2);
    }
    if let Err(error) = run(&arguments[1]) {
        eprintln!("{error}");
        std::process::exit(1);
    }
}
