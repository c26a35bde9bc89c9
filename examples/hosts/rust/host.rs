// SPDX-License-Identifier: MIT

//! The host of ../README.md in Rust, with the module beside this file.

mod adaptau;

use adaptau::{Context, Dataset, Evaluator, Model, Sampler, Temperature};

const USERS: i32 = 600;
const ITEMS: i32 = 200;
const TASTES: i32 = 10;
const TRAIN: usize = 12;
const TEST: usize = 4;
const EPOCHS: i64 = 8;
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

/// The mean loss of an epoch's terms.
fn train_epoch(
    model: &mut Model, sampler: &mut Sampler, temperature: &mut Temperature, epoch: i64,
) -> adaptau::Result<f64> {
    let (mut loss, mut n_terms) = (0.0, 0.0);
    model.update_temperature(temperature)?;
    sampler.begin_epoch(epoch)?;
    while let Some(batch) = sampler.next_batch()? {
        let step = model.gradients(&batch, temperature)?;
        model.apply()?;
        loss += step.loss;
        n_terms += step.n_terms;
    }
    Ok(loss / n_terms)
}

fn run(path: &str) -> adaptau::Result<()> {
    let (train_pairs, test_pairs) = make_pairs();
    let context = Context::new()?;
    let train = Dataset::new(&context, USERS, ITEMS, &train_pairs.users, &train_pairs.items)?;
    let test = Dataset::new(&context, USERS, ITEMS, &test_pairs.users, &test_pairs.items)?;
    let mut model = Model::new(&context, &train, 32, 1)?;
    let mut temperature = Temperature::new(&context, &train)?;
    let mut sampler = Sampler::new(&context, &train, 64, 1)?;
    let mut evaluator = Evaluator::new(&context, &test, CUTOFF, &train)?;
    let mut fingerprint = Fingerprint(0xcbf29ce484222325);

    println!("{USERS} users, {ITEMS} items, {} pairs", train.n_pairs());
    for epoch in 0..EPOCHS {
        let loss = train_epoch(&mut model, &mut sampler, &mut temperature, epoch)?;
        let recall = evaluator.recall(&model)?;
        let tau = temperature.tau0()?;
        println!("epoch {}  loss {loss:.6}  tau {tau:.6}  recall@{CUTOFF} {recall:.6}", epoch + 1);
        for number in [loss, tau, recall] {
            fingerprint.mix(number.to_bits());
        }
    }

    let best = model.top_k(&[SOMEONE], BEST, Some(&train))?;
    for (item, score) in best.items.iter().zip(&best.scores) {
        println!("user {SOMEONE}  item {item}  score {score:.6}");
        fingerprint.mix(*item as u64);
        fingerprint.mix(score.to_bits().into());
    }
    model.save(path)?;
    let loaded = Model::load(&context, path)?.top_k(&[SOMEONE], BEST, Some(&train))?;
    println!("loaded: {}", if loaded == best { "the same" } else { "different" });

    // A mistake of the host's is an error like any other; the model is as usable as before.
    if let Err(error) = model.top_k(&[USERS], BEST, None) {
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
