// SPDX-License-Identifier: MIT

//! libadaptau without crates: the C interface in `ffi`, and around it types that borrow what they are made from, so that the
//! compiler refuses a model that outlives its context, and free themselves. Slices are handed over as they are.

use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::os::raw::c_char;
use std::ptr::{null, null_mut};
use std::{fmt, mem};

/// What is used of the headers.
mod ffi {
    use std::os::raw::{c_char, c_void};

    macro_rules! opaque {
        ($($name:ident)*) => { $(#[repr(C)] pub struct $name { _private: [u8; 0] })* };
    }
    opaque!(Context Dataset Sampler Temperature Evaluator Model);

    #[repr(C)]
    pub struct Error {
        pub status: i32,
        pub os_error: i32,
        pub message: [c_char; 248],
    }

    #[repr(C)]
    pub struct Tables {
        pub struct_size: u32,
        pub flags: u32,
        pub n_users: i32,
        pub n_items: i32,
        pub dim: i32,
        pub reserved: i32,
        pub users: *const f32,
        pub user_stride: i64,
        pub items: *const f32,
        pub item_stride: i64,
        pub item_bias: *const f32,
    }

    #[repr(C)]
    pub struct Batch {
        pub struct_size: u32,
        pub flags: u32,
        pub n_rows: i32,
        pub candidates: i32,
        pub users: *const i32,
        pub positive_ptr: *const i64,
        pub positives: *const i32,
        pub n_candidates: i64,
        pub candidate_ids: *const i32,
        pub log_q: *const f32,
        pub row_weights: *const f32,
        pub positive_weights: *const f32,
        pub negative_ptr: *const i64,
        pub negatives: *const i32,
        pub negative_weights: *const f32,
        pub target_shares: *const f32,
        pub user_targets: *const f32,
        pub item_targets: *const f32,
        pub item_target_scale: f32,
        pub reserved: i32,
    }

    #[repr(C)]
    pub struct SamplerOptions {
        pub struct_size: u32,
        pub flags: u32,
        pub kind: i32,
        pub rows: i32,
        pub rows_per_batch: i32,
        pub reserved: i32,
        pub n_candidates: i64,
        pub popularity_exponent: f64,
        pub row_weight_exponent: f64,
        pub seed: u64,
    }

    #[repr(C)]
    pub struct TemperatureState {
        pub struct_size: u32,
        pub flags: u32,
        pub n_updates: i64,
        pub n_users_counted: i64,
        pub n_users_clamped: i64,
        pub n_users_observed: i64,
        pub tau0: f64,
        pub log_ratio: f64,
        pub mean_all: f64,
        pub variance_all: f64,
        pub mean_positive: f64,
        pub variance_positive: f64,
        pub threshold: f64,
        pub tau_user_min: f64,
        pub tau_user_max: f64,
    }

    #[repr(C)]
    pub struct EvaluatorOptions {
        pub struct_size: u32,
        pub n_cutoffs: i32,
        pub cutoffs: *const i32,
        pub n_masks: i32,
        pub n_groups: i32,
        pub masks: *const *const Dataset,
        pub item_groups: *const i32,
    }

    #[repr(C)]
    pub struct ModelOptions {
        pub struct_size: u32,
        pub flags: u32,
        pub encoder: i32,
        pub dim: i32,
        pub init: i32,
        pub n_layers: i32,
        pub seed: u64,
        pub host_users: *mut f32,
        pub host_items: *mut f32,
        pub host_user_stride: i64,
        pub host_item_stride: i64,
        pub learning_rate_users: f64,
        pub learning_rate_items: f64,
        pub beta1_users: f64,
        pub beta1_items: f64,
        pub beta2: f64,
        pub epsilon: f64,
        pub weight_decay: f64,
        pub edge_dropout: f64,
        pub layer_dropout: f64,
        pub gate: f64,
        pub host_encoder: *mut f32,
    }

    #[repr(C)]
    pub struct Query {
        pub struct_size: u32,
        pub flags: u32,
        pub question: i32,
        pub n: i32,
        pub k: i32,
        pub n_allowed: i32,
        pub ids: *const i32,
        pub embeddings: *const f32,
        pub embedding_stride: i64,
        pub seen: *const Dataset,
        pub allowed: *const i32,
        pub exclude_ptr: *const i64,
        pub exclude: *const i32,
    }

    #[repr(C)]
    pub struct Step {
        pub struct_size: u32,
        pub n_rows: i32,
        pub n_terms: f64,
        pub loss: f64,
    }

    pub const SAMPLER_CATALOGUE: i32 = 0;

    #[link(name = "adaptau")]
    extern "C" {
        pub fn adaptau_status_name(status: i32) -> *const c_char;
        pub fn adaptau_context_create(options: *const c_void, out: *mut *mut Context, error: *mut Error) -> i32;
        pub fn adaptau_context_destroy(context: *mut Context);
        pub fn adaptau_dataset_create_from_interactions(
            context: *mut Context, n_users: i32, n_items: i32, n_pairs: i64, users: *const i32, items: *const i32,
            weights: *const f32, out: *mut *mut Dataset, error: *mut Error,
        ) -> i32;
        pub fn adaptau_dataset_destroy(dataset: *mut Dataset);
        pub fn adaptau_dataset_n_interactions(dataset: *const Dataset) -> i64;
        pub fn adaptau_temperature_create(
            context: *mut Context, dataset: *const Dataset, options: *const c_void, out: *mut *mut Temperature,
            error: *mut Error,
        ) -> i32;
        pub fn adaptau_temperature_destroy(temperature: *mut Temperature);
        pub fn adaptau_temperature_get_state(
            temperature: *const Temperature, out: *mut TemperatureState, error: *mut Error,
        ) -> i32;
        pub fn adaptau_sampler_options_init(options: *mut SamplerOptions, kind: i32, error: *mut Error) -> i32;
        pub fn adaptau_sampler_create(
            context: *mut Context, dataset: *const Dataset, options: *const SamplerOptions, out: *mut *mut Sampler,
            error: *mut Error,
        ) -> i32;
        pub fn adaptau_sampler_destroy(sampler: *mut Sampler);
        pub fn adaptau_sampler_begin_epoch(sampler: *mut Sampler, epoch: i64, error: *mut Error) -> i32;
        pub fn adaptau_sampler_next(sampler: *mut Sampler, out: *mut Batch, error: *mut Error) -> i32;
        pub fn adaptau_evaluator_options_init(options: *mut EvaluatorOptions, error: *mut Error) -> i32;
        pub fn adaptau_evaluator_create(
            context: *mut Context, held_out: *const Dataset, options: *const EvaluatorOptions, out: *mut *mut Evaluator,
            error: *mut Error,
        ) -> i32;
        pub fn adaptau_evaluator_destroy(evaluator: *mut Evaluator);
        pub fn adaptau_evaluator_run(evaluator: *mut Evaluator, tables: *const Tables, error: *mut Error) -> i32;
        pub fn adaptau_evaluator_mean(
            evaluator: *const Evaluator, metric: i32, cutoff: i32, out: *mut f64, error: *mut Error,
        ) -> i32;
        pub fn adaptau_model_options_init(options: *mut ModelOptions, error: *mut Error) -> i32;
        pub fn adaptau_model_create(
            context: *mut Context, dataset: *const Dataset, options: *const ModelOptions, out: *mut *mut Model,
            error: *mut Error,
        ) -> i32;
        pub fn adaptau_model_destroy(model: *mut Model);
        pub fn adaptau_model_load(
            context: *mut Context, path: *const c_char, out: *mut *mut Model, error: *mut Error,
        ) -> i32;
        pub fn adaptau_model_save(model: *const Model, path: *const c_char, error: *mut Error) -> i32;
        pub fn adaptau_model_get_tables(model: *const Model, out: *mut Tables, error: *mut Error) -> i32;
        pub fn adaptau_model_update_temperature(
            model: *mut Model, temperature: *mut Temperature, error: *mut Error,
        ) -> i32;
        pub fn adaptau_model_gradients(
            model: *mut Model, batch: *const Batch, temperature: *mut Temperature, step: *mut Step, error: *mut Error,
        ) -> i32;
        pub fn adaptau_model_apply(model: *mut Model, error: *mut Error) -> i32;
        pub fn adaptau_model_rank(
            model: *const Model, query: *const Query, found: *mut i32, scores: *mut f32, error: *mut Error,
        ) -> i32;
    }
}

/// A call that failed.
#[derive(Clone, Debug)]
pub struct Error {
    pub status: i32,
    pub message: String,
}

impl Error {
    pub fn name(&self) -> String {
        unsafe { text(ffi::adaptau_status_name(self.status)) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.message)
    }
}

impl std::error::Error for Error {}

pub type Result<T> = std::result::Result<T, Error>;

unsafe fn text(bytes: *const c_char) -> String {
    CStr::from_ptr(bytes).to_string_lossy().into_owned()
}

/// A struct of zeros with its size; all of them are integers, floats and pointers.
fn sized<T>(set_size: impl FnOnce(&mut T, u32)) -> T {
    let mut blank: T = unsafe { mem::zeroed() };
    set_size(&mut blank, mem::size_of::<T>() as u32);
    blank
}

/// Call with an error struct.
fn call(function: impl FnOnce(*mut ffi::Error) -> i32) -> Result<()> {
    let mut cause: ffi::Error = unsafe { mem::zeroed() };
    match function(&mut cause) {
        0 => Ok(()),
        status => Err(Error { status, message: unsafe { text(cause.message.as_ptr()) } }),
    }
}

/// Call with an error struct and a place for a handle.
fn make<T>(function: impl FnOnce(*mut *mut T, *mut ffi::Error) -> i32) -> Result<*mut T> {
    let mut handle = null_mut();
    call(|error| function(&mut handle, error)).map(|()| handle)
}

fn path_bytes(path: &str) -> Result<CString> {
    CString::new(path).map_err(|_| Error { status: 1, message: "the path has a zero byte".into() })
}

pub struct Context {
    handle: *mut ffi::Context,
}

impl Context {
    pub fn new() -> Result<Self> {
        let handle = make(|out, error| unsafe { ffi::adaptau_context_create(null(), out, error) })?;
        Ok(Self { handle })
    }
}

pub struct Dataset<'a> {
    handle: *mut ffi::Dataset,
    made_from: PhantomData<&'a Context>,
}

impl<'a> Dataset<'a> {
    /// Pairs in any order, copied.
    pub fn new(context: &'a Context, n_users: i32, n_items: i32, users: &[i32], items: &[i32]) -> Result<Self> {
        assert_eq!(users.len(), items.len(), "a pair is a user and an item");
        let (n, users, items) = (users.len() as i64, users.as_ptr(), items.as_ptr());
        let handle = make(|out, error| unsafe {
            ffi::adaptau_dataset_create_from_interactions(context.handle, n_users, n_items, n, users, items, null(), out, error)
        })?;
        Ok(Self { handle, made_from: PhantomData })
    }

    pub fn n_pairs(&self) -> i64 {
        unsafe { ffi::adaptau_dataset_n_interactions(self.handle) }
    }
}

pub struct Temperature<'a> {
    handle: *mut ffi::Temperature,
    made_from: PhantomData<&'a Context>,
}

impl<'a> Temperature<'a> {
    pub fn new(context: &'a Context, dataset: &'a Dataset) -> Result<Self> {
        let handle = make(|out, error| unsafe {
            ffi::adaptau_temperature_create(context.handle, dataset.handle, null(), out, error)
        })?;
        Ok(Self { handle, made_from: PhantomData })
    }

    pub fn tau0(&self) -> Result<f64> {
        let mut state = sized(|s: &mut ffi::TemperatureState, size| s.struct_size = size);
        call(|error| unsafe { ffi::adaptau_temperature_get_state(self.handle, &mut state, error) })?;
        Ok(state.tau0)
    }
}

pub struct Sampler<'a> {
    handle: *mut ffi::Sampler,
    made_from: PhantomData<&'a Context>,
}

/// Borrows its sampler: there is no next one while it is in use.
pub struct Batch<'s> {
    batch: ffi::Batch,
    made_from: PhantomData<&'s mut ()>,
}

impl<'a> Sampler<'a> {
    pub fn new(context: &'a Context, dataset: &'a Dataset, rows_per_batch: i32, seed: u64) -> Result<Self> {
        let mut options = sized(|o: &mut ffi::SamplerOptions, size| o.struct_size = size);
        call(|error| unsafe { ffi::adaptau_sampler_options_init(&mut options, ffi::SAMPLER_CATALOGUE, error) })?;
        options.rows_per_batch = rows_per_batch;
        options.seed = seed;
        let handle = make(|out, error| unsafe {
            ffi::adaptau_sampler_create(context.handle, dataset.handle, &options, out, error)
        })?;
        Ok(Self { handle, made_from: PhantomData })
    }

    pub fn begin_epoch(&mut self, epoch: i64) -> Result<()> {
        call(|error| unsafe { ffi::adaptau_sampler_begin_epoch(self.handle, epoch, error) })
    }

    /// None when the epoch is over.
    pub fn next_batch(&mut self) -> Result<Option<Batch<'_>>> {
        let mut batch = sized(|b: &mut ffi::Batch, size| b.struct_size = size);
        call(|error| unsafe { ffi::adaptau_sampler_next(self.handle, &mut batch, error) })?;
        Ok((batch.n_rows > 0).then_some(Batch { batch, made_from: PhantomData }))
    }
}

pub struct Evaluator<'a> {
    handle: *mut ffi::Evaluator,
    cutoff: i32,
    made_from: PhantomData<&'a Context>,
}

impl<'a> Evaluator<'a> {
    /// Metrics at one cutoff; what is in `mask` is not ranked.
    pub fn new(context: &'a Context, held_out: &'a Dataset, cutoff: i32, mask: &'a Dataset) -> Result<Self> {
        let masks = [mask.handle as *const ffi::Dataset];
        let mut options = sized(|o: &mut ffi::EvaluatorOptions, size| o.struct_size = size);
        call(|error| unsafe { ffi::adaptau_evaluator_options_init(&mut options, error) })?;
        options.n_cutoffs = 1;
        options.cutoffs = &cutoff;
        options.n_masks = 1;
        options.masks = masks.as_ptr();
        let handle = make(|out, error| unsafe {
            ffi::adaptau_evaluator_create(context.handle, held_out.handle, &options, out, error)
        })?;
        Ok(Self { handle, cutoff, made_from: PhantomData })
    }

    /// Mean recall with the model's embeddings.
    pub fn recall(&mut self, model: &Model) -> Result<f64> {
        let (mut tables, mut recall) = (sized(|t: &mut ffi::Tables, size| t.struct_size = size), 0.0);
        call(|error| unsafe { ffi::adaptau_model_get_tables(model.handle, &mut tables, error) })?;
        call(|error| unsafe { ffi::adaptau_evaluator_run(self.handle, &tables, error) })?;
        call(|error| unsafe { ffi::adaptau_evaluator_mean(self.handle, 0, self.cutoff, &mut recall, error) })?;
        Ok(recall)
    }
}

pub struct Model<'a> {
    handle: *mut ffi::Model,
    made_from: PhantomData<&'a Context>,
}

/// What a batch cost.
pub struct Step {
    pub loss: f64,
    pub n_terms: f64,
}

/// Best first; −1 where fewer items are left.
#[derive(Debug, PartialEq)]
pub struct TopK {
    pub items: Vec<i32>,
    pub scores: Vec<f32>,
}

impl<'a> Model<'a> {
    pub fn new(context: &'a Context, dataset: &Dataset, dim: i32, seed: u64) -> Result<Self> {
        let mut options = sized(|o: &mut ffi::ModelOptions, size| o.struct_size = size);
        call(|error| unsafe { ffi::adaptau_model_options_init(&mut options, error) })?;
        options.dim = dim;
        options.seed = seed;
        let handle = make(|out, error| unsafe {
            ffi::adaptau_model_create(context.handle, dataset.handle, &options, out, error)
        })?;
        Ok(Self { handle, made_from: PhantomData })
    }

    pub fn load(context: &'a Context, path: &str) -> Result<Self> {
        let path = path_bytes(path)?;
        let handle = make(|out, error| unsafe { ffi::adaptau_model_load(context.handle, path.as_ptr(), out, error) })?;
        Ok(Self { handle, made_from: PhantomData })
    }

    pub fn save(&self, path: &str) -> Result<()> {
        let path = path_bytes(path)?;
        call(|error| unsafe { ffi::adaptau_model_save(self.handle, path.as_ptr(), error) })
    }

    pub fn update_temperature(&self, temperature: &mut Temperature) -> Result<()> {
        call(|error| unsafe { ffi::adaptau_model_update_temperature(self.handle, temperature.handle, error) })
    }

    pub fn gradients(&mut self, batch: &Batch, temperature: &mut Temperature) -> Result<Step> {
        let mut step = sized(|s: &mut ffi::Step, size| s.struct_size = size);
        call(|error| unsafe {
            ffi::adaptau_model_gradients(self.handle, &batch.batch, temperature.handle, &mut step, error)
        })?;
        Ok(Step { loss: step.loss, n_terms: step.n_terms })
    }

    pub fn apply(&mut self) -> Result<()> {
        call(|error| unsafe { ffi::adaptau_model_apply(self.handle, error) })
    }

    /// k items for each user, none that is seen.
    pub fn top_k(&self, users: &[i32], k: usize, seen: Option<&Dataset>) -> Result<TopK> {
        let (mut items, mut scores) = (vec![0; users.len() * k], vec![0.0; users.len() * k]);
        let mut query = sized(|s: &mut ffi::Query, size| s.struct_size = size);
        query.n = users.len() as i32;
        query.k = k as i32;
        query.ids = users.as_ptr();
        query.seen = seen.map_or(null(), |dataset| dataset.handle as *const _);
        call(|error| unsafe {
            ffi::adaptau_model_rank(self.handle, &query, items.as_mut_ptr(), scores.as_mut_ptr(), error)
        })?;
        Ok(TopK { items, scores })
    }
}

/// How each type is freed. Models may be read from any number of threads: they are Sync, and Send like the rest.
macro_rules! freed_by {
    ($($name:ty, $destroy:ident;)*) => { $(
        impl Drop for $name {
            fn drop(&mut self) {
                unsafe { ffi::$destroy(self.handle) }
            }
        }
        unsafe impl Send for $name {}
        unsafe impl Sync for $name {}
    )* };
}
freed_by! {
    Context, adaptau_context_destroy;
    Dataset<'_>, adaptau_dataset_destroy;
    Temperature<'_>, adaptau_temperature_destroy;
    Sampler<'_>, adaptau_sampler_destroy;
    Evaluator<'_>, adaptau_evaluator_destroy;
    Model<'_>, adaptau_model_destroy;
}
