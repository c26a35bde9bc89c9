// SPDX-License-Identifier: MIT

// Package adaptau calls libadaptau by cgo. Slices are handed over as they are: the library copies or has done with them when a
// call returns. Objects are closed by their Close, those made from a context before it.
package adaptau

/*
#cgo pkg-config: adaptau
#include <adaptau/adaptau.h>
#include <stdlib.h>

// A query that is made in C may hold a pointer to Go's memory while the call lasts.
static inline adaptau_status top_items(const adaptau_model *model, int32_t n, const int32_t *users, int32_t k,
                                const adaptau_dataset *seen, int32_t *found, float *scores, adaptau_error *error)
{
    adaptau_query query = {.struct_size = sizeof query, .n = n, .ids = users, .k = k, .seen = seen};
    return adaptau_model_rank(model, &query, found, scores, error);
}

int32_t tellEpoch(void *told, adaptau_fit_progress *progress); // below, in Go

static inline adaptau_status fit(adaptau_context *context, const adaptau_dataset *dataset, const adaptau_recipe *recipe,
                                 uintptr_t told, adaptau_model **out, adaptau_error *error)
{
    adaptau_fit_options options = {.struct_size = sizeof options};
    adaptau_status      status = adaptau_fit_options_init(&options, error);
    options.on_epoch = (adaptau_fit_function)tellEpoch;
    options.user_data = (void *)told;
    return status ? status : adaptau_fit(context, dataset, recipe, &options, out, NULL, error);
}
*/
import "C"

import (
	"fmt"
	"runtime/cgo"
	"unsafe"
)

// Error is a call that failed.
type Error struct {
	Status  int32
	Name    string
	Message string
}

func (e *Error) Error() string { return e.Name + ": " + e.Message }

func check(status C.adaptau_status, cause *C.adaptau_error) error {
	if status == C.ADAPTAU_OK {
		return nil
	}
	return &Error{int32(status), C.GoString(C.adaptau_status_name(status)), C.GoString(&cause.message[0])}
}

func ids(slice []int32) *C.int32_t {
	if len(slice) == 0 {
		return nil
	}
	return (*C.int32_t)(&slice[0])
}

func numbers(slice []float32) *C.float {
	if len(slice) == 0 {
		return nil
	}
	return (*C.float)(&slice[0])
}

// Context owns threads and memory.
type Context struct{ handle *C.adaptau_context }

// NewContext has one thread per CPU.
func NewContext() (*Context, error) {
	var cause C.adaptau_error
	c := &Context{}
	return c, check(C.adaptau_context_create(nil, &c.handle, &cause), &cause)
}

func (c *Context) Close() { C.adaptau_context_destroy(c.handle) }

// Dataset says which user has which items.
type Dataset struct{ handle *C.adaptau_dataset }

// NewDataset copies pairs, in any order.
func NewDataset(c *Context, nUsers, nItems int, users, items []int32) (*Dataset, error) {
	if len(users) != len(items) {
		return nil, fmt.Errorf("%d users, but %d items", len(users), len(items))
	}
	var cause C.adaptau_error
	d := &Dataset{}
	return d, check(C.adaptau_dataset_create_from_interactions(c.handle, C.int32_t(nUsers), C.int32_t(nItems), C.int64_t(len(users)),
		ids(users), ids(items), nil, &d.handle, &cause), &cause)
}

func (d *Dataset) Pairs() int64 { return int64(C.adaptau_dataset_n_interactions(d.handle)) }
func (d *Dataset) Close()       { C.adaptau_dataset_destroy(d.handle) }

// Recipe says how a model is trained.
type Recipe struct{ recipe C.adaptau_recipe }

// NewRecipe has what the host knows; what is left suits the data.
func NewRecipe(d *Dataset, dim, epochs int, seed uint64) (*Recipe, error) {
	var cause C.adaptau_error
	r := &Recipe{}
	r.recipe.struct_size = C.uint32_t(unsafe.Sizeof(r.recipe))
	if err := check(C.adaptau_recipe_init(&r.recipe, &cause), &cause); err != nil {
		return nil, err
	}
	r.recipe.dim = C.int64_t(dim)
	r.recipe.epochs = C.int64_t(epochs)
	r.recipe.seed = C.uint64_t(seed)
	return r, check(C.adaptau_recipe_fill(&r.recipe, d.handle, &cause), &cause)
}

func (r *Recipe) Epochs() int       { return int(r.recipe.epochs) }
func (r *Recipe) RowsPerBatch() int { return int(r.recipe.rows_per_batch) }
func (r *Recipe) Tau() float64      { return float64(r.recipe.tau) }

// Training is a model, its temperature and its schedule, by a recipe; the steps are the host's.
type Training struct{ handle *C.adaptau_training }

func NewTraining(c *Context, d *Dataset, r *Recipe) (*Training, error) {
	var cause C.adaptau_error
	t := &Training{}
	return t, check(C.adaptau_training_create(c.handle, d.handle, &r.recipe, &t.handle, &cause), &cause)
}

// Recipe has the temperature that was found.
func (t *Training) Recipe() (*Recipe, error) {
	var cause C.adaptau_error
	r := &Recipe{}
	r.recipe.struct_size = C.uint32_t(unsafe.Sizeof(r.recipe))
	return r, check(C.adaptau_training_get_recipe(t.handle, &r.recipe, &cause), &cause)
}

// Model is the training's, which closes it.
func (t *Training) Model() *Model { return &Model{C.adaptau_training_model(t.handle)} }

// State is the mean loss of an epoch and its temperature.
type State struct{ Loss, Tau0 float64 }

func (t *Training) State() (State, error) {
	var cause C.adaptau_error
	var state C.adaptau_training_state
	state.struct_size = C.uint32_t(unsafe.Sizeof(state))
	err := check(C.adaptau_training_get_state(t.handle, &state, &cause), &cause)
	return State{float64(state.loss), float64(state.tau0)}, err
}

func (t *Training) BeginEpoch(epoch int) error {
	var cause C.adaptau_error
	return check(C.adaptau_training_begin_epoch(t.handle, C.int64_t(epoch), &cause), &cause)
}

// Batch is good until the next one is asked for.
type Batch struct{ batch C.adaptau_batch }

// Next is nil when the epoch is over.
func (t *Training) Next() (*Batch, error) {
	var cause C.adaptau_error
	b := &Batch{}
	b.batch.struct_size = C.uint32_t(unsafe.Sizeof(b.batch))
	if err := check(C.adaptau_training_next(t.handle, &b.batch, &cause), &cause); err != nil || b.batch.n_rows == 0 {
		return nil, err
	}
	return b, nil
}

// Step makes gradients of the batch and has the optimiser use them. The loss counts in the state.
func (t *Training) Step(b *Batch) error {
	var cause C.adaptau_error
	var step C.adaptau_step
	step.struct_size = C.uint32_t(unsafe.Sizeof(step))
	model := C.adaptau_training_model(t.handle)
	status := C.adaptau_model_gradients(model, &b.batch, C.adaptau_training_temperature(t.handle), &step, &cause)
	if err := check(status, &cause); err != nil {
		return err
	}
	if err := check(C.adaptau_model_apply(model, &cause), &cause); err != nil {
		return err
	}
	return check(C.adaptau_training_add_loss(t.handle, step.loss, &cause), &cause)
}

func (t *Training) EndEpoch() error {
	var cause C.adaptau_error
	return check(C.adaptau_training_end_epoch(t.handle, &cause), &cause)
}

func (t *Training) Close() { C.adaptau_training_destroy(t.handle) }

// listener is what Fit tells of epochs, and what a panic of its left: no panic passes through C.
type listener struct {
	onEpoch func(epoch int, loss float64) bool
	panic   any
}

//export tellEpoch
func tellEpoch(told unsafe.Pointer, progress *C.adaptau_fit_progress) (answer C.int32_t) {
	l := cgo.Handle(uintptr(told)).Value().(*listener)
	defer func() {
		if l.panic = recover(); l.panic != nil {
			answer = -1
		}
	}()
	if l.onEpoch(int(progress.epoch), float64(progress.loss)) {
		return C.ADAPTAU_FIT_GO_ON
	}
	return C.ADAPTAU_FIT_STOP
}

// Fit is a training in one call. onEpoch answers whether it goes on; if not, the model is as it is then.
func Fit(c *Context, d *Dataset, r *Recipe, onEpoch func(epoch int, loss float64) bool) (*Model, error) {
	var cause C.adaptau_error
	l := &listener{onEpoch: onEpoch}
	told := cgo.NewHandle(l)
	defer told.Delete()
	m := &Model{}
	err := check(C.fit(c.handle, d.handle, &r.recipe, C.uintptr_t(told), &m.handle, &cause), &cause)
	if l.panic != nil {
		panic(l.panic)
	}
	return m, err
}

// Model has the embeddings.
type Model struct{ handle *C.adaptau_model }

func LoadModel(c *Context, path string) (*Model, error) {
	var cause C.adaptau_error
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	m := &Model{}
	return m, check(C.adaptau_model_load(c.handle, name, &m.handle, &cause), &cause)
}

func (m *Model) Save(path string) error {
	var cause C.adaptau_error
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	return check(C.adaptau_model_save(m.handle, name, &cause), &cause)
}

// TopK gives k items and their scores for each user, best first, none that is in seen, which may be nil; -1 where fewer are left.
func (m *Model) TopK(users []int32, k int, seen *Dataset) ([]int32, []float32, error) {
	var cause C.adaptau_error
	var known *C.adaptau_dataset
	if seen != nil {
		known = seen.handle
	}
	items, scores := make([]int32, len(users)*k), make([]float32, len(users)*k)
	err := check(C.top_items(m.handle, C.int32_t(len(users)), ids(users), C.int32_t(k), known, ids(items), numbers(scores),
		&cause), &cause)
	return items, scores, err
}

func (m *Model) Close() { C.adaptau_model_destroy(m.handle) }

// Evaluator ranks all items for users with held-out ones.
type Evaluator struct {
	handle *C.adaptau_evaluator
	cutoff C.int32_t
}

// NewEvaluator does not rank what is in mask.
func NewEvaluator(c *Context, heldOut *Dataset, cutoff int, mask *Dataset) (*Evaluator, error) {
	var cause C.adaptau_error
	// Options hold pointers to pointers, which have to lie in C's memory.
	cutoffs := (*C.int32_t)(C.malloc(C.sizeof_int32_t))
	masks := (**C.adaptau_dataset)(C.malloc(C.size_t(unsafe.Sizeof(mask.handle))))
	defer C.free(unsafe.Pointer(cutoffs))
	defer C.free(unsafe.Pointer(masks))
	*cutoffs, *masks = C.int32_t(cutoff), mask.handle
	var options C.adaptau_evaluator_options
	options.struct_size = C.uint32_t(unsafe.Sizeof(options))
	if err := check(C.adaptau_evaluator_options_init(&options, &cause), &cause); err != nil {
		return nil, err
	}
	options.n_cutoffs, options.cutoffs = 1, cutoffs
	options.n_masks, options.masks = 1, masks
	e := &Evaluator{cutoff: C.int32_t(cutoff)}
	return e, check(C.adaptau_evaluator_create(c.handle, heldOut.handle, &options, &e.handle, &cause), &cause)
}

// Recall is the mean over users with held-out items.
func (e *Evaluator) Recall(m *Model) (float64, error) {
	var cause C.adaptau_error
	var recall C.double
	if err := check(C.adaptau_model_evaluate(m.handle, e.handle, &cause), &cause); err != nil {
		return 0, err
	}
	err := check(C.adaptau_evaluator_mean(e.handle, C.ADAPTAU_METRIC_RECALL, e.cutoff, &recall, &cause), &cause)
	return float64(recall), err
}

func (e *Evaluator) Close() { C.adaptau_evaluator_destroy(e.handle) }
