// SPDX-License-Identifier: MIT

//! libadaptau without crates: the C interface in `ffi`, and around it types that borrow what they are made from, so that the
//! compiler refuses a model that outlives its context, and free themselves. Slices are handed over as they are.

use std::any::Any;
use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::os::raw::{c_char, c_void};
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::ptr::{null, null_mut};
use std::{fmt, mem};

/// What is used of the headers.
mod ffi {
    use std::os::raw::{c_char, c_void};

    macro_rules! opaque {
        ($($name:ident)*) => { $(#[repr(C)] pub struct $name { _private: [u8; 0] })* };
    }
    opaque!(Context Dataset Temperature Evaluator Model Training);

    #[repr(C)]
    pub struct Error {
        pub status: i32,
        pub os_error: i32,
        pub message: [c_char; 248],
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
        pub target_shares: *const f32,
        pub user_targets: *const f32,
        pub item_targets: *const f32,
        pub item_target_scale: f32,
        pub reserved: i32,
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
    #[derive(Clone, Copy)]
    pub struct Recipe {
        pub struct_size: u32,
        pub encoder: i32,
        pub init: i32,
        pub normalise: i32,
        pub free_length: i32,
        pub unit_raw_rows: i32,
        pub rank_raw: i32,
        pub row_second_moment: i32,
        pub bfloat16: i32,
        pub loss: i32,
        pub tau0_policy: i32,
        pub tau_user_policy: i32,
        pub candidates: i32,
        pub log_q: i32,
        pub reject_positives: i32,
        pub positives_outside_sum: i32,
        pub dim: i64,
        pub n_layers: i64,
        pub rows_per_batch: i64,
        pub n_candidates: i64,
        pub epochs: i64,
        pub warmup_epochs: i64,
        pub seed: u64,
        pub edge_dropout: f64,
        pub layer_dropout: f64,
        pub gate: f64,
        pub weight_decay: f64,
        pub margin: f64,
        pub negative_weight: f64,
        pub tau: f64,
        pub tau_min: f64,
        pub tau_max: f64,
        pub tau_divisor: f64,
        pub tau_learning_rate: f64,
        pub threshold_quantile: f64,
        pub degree_quantile: f64,
        pub popularity_exponent: f64,
        pub row_weight_exponent: f64,
        pub soft_targets: f64,
        pub learning_rate_users: f64,
        pub learning_rate_items: f64,
        pub popularity_prior: f64,
        pub top_k: i64,
        pub weight_tau: f64,
        pub positive_scale: f64,
        pub activation: i32,
        pub reserved: i32,
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

    #[repr(C)]
    pub struct TrainingState {
        pub struct_size: u32,
        pub reserved: i32,
        pub epoch: i64,
        pub n_epochs: i64,
        pub step: i64,
        pub n_steps: i64,
        pub loss: f64,
        pub tau0: f64,
    }

    #[repr(C)]
    pub struct FitProgress {
        pub phase: i32,
        pub evaluated: i32,
        pub best: i32,
        pub reserved: i32,
        pub epoch: i64,
        pub n_epochs: i64,
        pub step: i64,
        pub n_steps: i64,
        pub loss: f64,
        pub tau0: f64,
        pub recall: f64,
        pub ndcg: f64,
        pub model: *const Model,
    }

    pub type FitFunction = unsafe extern "C" fn(*mut c_void, *const FitProgress) -> i32;

    #[repr(C)]
    pub struct FitOptions {
        pub struct_size: u32,
        pub cutoff: i32,
        pub validation: *const Dataset,
        pub held_out_share: f64,
        pub held_out_seed: u64,
        pub n_epochs: i64,
        pub eval_every: i64,
        pub patience: i64,
        pub on_step: Option<FitFunction>,
        pub on_epoch: Option<FitFunction>,
        pub user_data: *mut c_void,
    }

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
        pub fn adaptau_evaluator_options_init(options: *mut EvaluatorOptions, error: *mut Error) -> i32;
        pub fn adaptau_evaluator_create(
            context: *mut Context, held_out: *const Dataset, options: *const EvaluatorOptions, out: *mut *mut Evaluator,
            error: *mut Error,
        ) -> i32;
        pub fn adaptau_evaluator_destroy(evaluator: *mut Evaluator);
        pub fn adaptau_evaluator_mean(
            evaluator: *const Evaluator, metric: i32, cutoff: i32, out: *mut f64, error: *mut Error,
        ) -> i32;
        pub fn adaptau_model_destroy(model: *mut Model);
        pub fn adaptau_model_load(
            context: *mut Context, path: *const c_char, out: *mut *mut Model, error: *mut Error,
        ) -> i32;
        pub fn adaptau_model_save(model: *const Model, path: *const c_char, error: *mut Error) -> i32;
        pub fn adaptau_model_evaluate(model: *const Model, evaluator: *mut Evaluator, error: *mut Error) -> i32;
        pub fn adaptau_model_gradients(
            model: *mut Model, batch: *const Batch, temperature: *mut Temperature, step: *mut Step, error: *mut Error,
        ) -> i32;
        pub fn adaptau_model_apply(model: *mut Model, error: *mut Error) -> i32;
        pub fn adaptau_model_rank(
            model: *const Model, query: *const Query, found: *mut i32, scores: *mut f32, error: *mut Error,
        ) -> i32;
        pub fn adaptau_recipe_init(recipe: *mut Recipe, error: *mut Error) -> i32;
        pub fn adaptau_recipe_fill(recipe: *mut Recipe, dataset: *const Dataset, error: *mut Error) -> i32;
        pub fn adaptau_training_create(
            context: *mut Context, dataset: *const Dataset, recipe: *const Recipe, out: *mut *mut Training,
            error: *mut Error,
        ) -> i32;
        pub fn adaptau_training_destroy(training: *mut Training);
        pub fn adaptau_training_model(training: *const Training) -> *mut Model;
        pub fn adaptau_training_temperature(training: *const Training) -> *mut Temperature;
        pub fn adaptau_training_take_model(training: *mut Training) -> *mut Model;
        pub fn adaptau_training_begin_epoch(training: *mut Training, epoch: i64, error: *mut Error) -> i32;
        pub fn adaptau_training_next(training: *mut Training, batch: *mut Batch, error: *mut Error) -> i32;
        pub fn adaptau_training_add_loss(training: *mut Training, loss: f64, error: *mut Error) -> i32;
        pub fn adaptau_training_end_epoch(training: *mut Training, error: *mut Error) -> i32;
        pub fn adaptau_training_get_state(
            training: *const Training, out: *mut TrainingState, error: *mut Error,
        ) -> i32;
        pub fn adaptau_training_get_recipe(training: *const Training, out: *mut Recipe, error: *mut Error) -> i32;
        pub fn adaptau_fit_options_init(options: *mut FitOptions, error: *mut Error) -> i32;
        pub fn adaptau_fit(
            context: *mut Context, dataset: *const Dataset, recipe: *const Recipe, options: *const FitOptions,
            model: *mut *mut Model, result: *mut c_void, error: *mut Error,
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

/// How a model is trained, and what is told of it.
pub use ffi::{FitProgress, Recipe};

impl Recipe {
    /// The defaults; what suits the data is left open.
    pub fn new() -> Result<Self> {
        let mut recipe = sized(|r: &mut Recipe, size| r.struct_size = size);
        call(|error| unsafe { ffi::adaptau_recipe_init(&mut recipe, error) })?;
        Ok(recipe)
    }

    /// What is open is decided by the dataset.
    pub fn fill(mut self, dataset: &Dataset) -> Result<Self> {
        call(|error| unsafe { ffi::adaptau_recipe_fill(&mut self, dataset.handle, error) })?;
        Ok(self)
    }
}

/// A model, its temperature and its schedule, by a recipe; the steps are the host's.
pub struct Training<'a> {
    handle: *mut ffi::Training,
    made_from: PhantomData<&'a Context>,
}

/// Borrows its training: there is no next one while it is in use.
pub struct Batch<'t> {
    batch: ffi::Batch,
    training: &'t mut ffi::Training,
}

/// The mean loss of an epoch and its temperature.
pub struct State {
    pub loss: f64,
    pub tau0: f64,
}

impl<'a> Training<'a> {
    pub fn new(context: &'a Context, dataset: &'a Dataset, recipe: &Recipe) -> Result<Self> {
        let handle = make(|out, error| unsafe {
            ffi::adaptau_training_create(context.handle, dataset.handle, recipe, out, error)
        })?;
        Ok(Self { handle, made_from: PhantomData })
    }

    /// With the temperature that was found.
    pub fn recipe(&self) -> Result<Recipe> {
        let mut recipe = sized(|r: &mut Recipe, size| r.struct_size = size);
        call(|error| unsafe { ffi::adaptau_training_get_recipe(self.handle, &mut recipe, error) })?;
        Ok(recipe)
    }

    pub fn state(&self) -> Result<State> {
        let mut state = sized(|s: &mut ffi::TrainingState, size| s.struct_size = size);
        call(|error| unsafe { ffi::adaptau_training_get_state(self.handle, &mut state, error) })?;
        Ok(State { loss: state.loss, tau0: state.tau0 })
    }

    pub fn begin_epoch(&mut self, epoch: i64) -> Result<()> {
        call(|error| unsafe { ffi::adaptau_training_begin_epoch(self.handle, epoch, error) })
    }

    /// None when the epoch is over.
    pub fn next_batch(&mut self) -> Result<Option<Batch<'_>>> {
        let mut batch = sized(|b: &mut ffi::Batch, size| b.struct_size = size);
        call(|error| unsafe { ffi::adaptau_training_next(self.handle, &mut batch, error) })?;
        Ok((batch.n_rows > 0).then(|| Batch { batch, training: unsafe { &mut *self.handle } }))
    }

    pub fn end_epoch(&mut self) -> Result<()> {
        call(|error| unsafe { ffi::adaptau_training_end_epoch(self.handle, error) })
    }

    /// Look at the model between two steps.
    pub fn with_model<T>(&self, look: impl FnOnce(&Model) -> T) -> T {
        let model = Model { handle: unsafe { ffi::adaptau_training_model(self.handle) }, made_from: PhantomData };
        look(&mem::ManuallyDrop::new(model)) // the training's, which frees it
    }

    pub fn into_model(self) -> Model<'a> {
        Model { handle: unsafe { ffi::adaptau_training_take_model(self.handle) }, made_from: PhantomData }
    }
}

impl Batch<'_> {
    /// A step: gradients of the batch, and the optimiser's use of them. Its loss counts in the training's state.
    pub fn step(self) -> Result<()> {
        let mut step = sized(|s: &mut ffi::Step, size| s.struct_size = size);
        unsafe {
            let model = ffi::adaptau_training_model(self.training);
            let temperature = ffi::adaptau_training_temperature(self.training);
            call(|error| ffi::adaptau_model_gradients(model, &self.batch, temperature, &mut step, error))?;
            call(|error| ffi::adaptau_model_apply(model, error))?;
            call(|error| ffi::adaptau_training_add_loss(self.training, step.loss, error))
        }
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

    /// The mean over users with held-out items.
    pub fn recall(&mut self, model: &Model) -> Result<f64> {
        let mut recall = 0.0;
        call(|error| unsafe { ffi::adaptau_model_evaluate(model.handle, self.handle, error) })?;
        call(|error| unsafe { ffi::adaptau_evaluator_mean(self.handle, 0, self.cutoff, &mut recall, error) })?;
        Ok(recall)
    }
}

pub struct Model<'a> {
    handle: *mut ffi::Model,
    made_from: PhantomData<&'a Context>,
}

/// Best first; −1 where fewer items are left.
#[derive(Debug, PartialEq)]
pub struct TopK {
    pub items: Vec<i32>,
    pub scores: Vec<f32>,
}

impl<'a> Model<'a> {
    pub fn load(context: &'a Context, path: &str) -> Result<Self> {
        let path = path_bytes(path)?;
        let handle = make(|out, error| unsafe { ffi::adaptau_model_load(context.handle, path.as_ptr(), out, error) })?;
        Ok(Self { handle, made_from: PhantomData })
    }

    pub fn save(&self, path: &str) -> Result<()> {
        let path = path_bytes(path)?;
        call(|error| unsafe { ffi::adaptau_model_save(self.handle, path.as_ptr(), error) })
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

/// Whoever is told of epochs, and what a panic of theirs left: no panic passes through C.
struct Listener<'f> {
    function: &'f mut dyn FnMut(&FitProgress) -> bool,
    panic: Option<Box<dyn Any + Send>>,
}

unsafe extern "C" fn tell(listener: *mut c_void, progress: *const FitProgress) -> i32 {
    let (listener, progress) = (&mut *(listener as *mut Listener), &*progress);
    match catch_unwind(AssertUnwindSafe(|| (listener.function)(progress))) {
        Ok(go_on) => (!go_on).into(), // 1 stops
        Err(panic) => {
            listener.panic = Some(panic);
            -1
        }
    }
}

/// A training in one call. `on_epoch` answers whether it goes on; if not, the model is as it is then.
pub fn fit<'a>(
    context: &'a Context, dataset: &Dataset, recipe: &Recipe, mut on_epoch: impl FnMut(&FitProgress) -> bool,
) -> Result<Model<'a>> {
    let mut listener = Listener { function: &mut on_epoch, panic: None };
    let mut options = sized(|o: &mut ffi::FitOptions, size| o.struct_size = size);
    call(|error| unsafe { ffi::adaptau_fit_options_init(&mut options, error) })?;
    options.on_epoch = Some(tell);
    options.user_data = &mut listener as *mut Listener as *mut c_void;
    let made = make(|out, error| unsafe {
        ffi::adaptau_fit(context.handle, dataset.handle, recipe, &options, out, null_mut(), error)
    });
    if let Some(panic) = listener.panic {
        resume_unwind(panic);
    }
    Ok(Model { handle: made?, made_from: PhantomData })
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
    Training<'_>, adaptau_training_destroy;
    Evaluator<'_>, adaptau_evaluator_destroy;
    Model<'_>, adaptau_model_destroy;
}
