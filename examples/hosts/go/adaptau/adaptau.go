// SPDX-License-Identifier: MIT

// Package adaptau calls libadaptau by cgo. Slices are handed over as they are: the library copies or has done with them when a
// call returns. Objects are closed by their Close, those made from a context before it.
package adaptau

/*
#cgo pkg-config: adaptau
#include <adaptau/adaptau.h>
#include <stdlib.h>

// A query that is made in C may hold a pointer to Go's memory while the call lasts.
static adaptau_status top_items(const adaptau_model *model, int32_t n, const int32_t *users, int32_t k,
                                const adaptau_dataset *seen, int32_t *found, float *scores, adaptau_error *error)
{
    adaptau_query query = {.struct_size = sizeof query, .n = n, .ids = users, .k = k, .seen = seen};
    return adaptau_model_rank(model, &query, found, scores, error);
}
*/
import "C"

import (
	"fmt"
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

// Temperature sets itself.
type Temperature struct{ handle *C.adaptau_temperature }

func NewTemperature(c *Context, d *Dataset) (*Temperature, error) {
	var cause C.adaptau_error
	t := &Temperature{}
	return t, check(C.adaptau_temperature_create(c.handle, d.handle, nil, &t.handle, &cause), &cause)
}

func (t *Temperature) Tau0() (float64, error) {
	var cause C.adaptau_error
	var state C.adaptau_temperature_state
	state.struct_size = C.uint32_t(unsafe.Sizeof(state))
	err := check(C.adaptau_temperature_get_state(t.handle, &state, &cause), &cause)
	return float64(state.tau0), err
}

func (t *Temperature) Close() { C.adaptau_temperature_destroy(t.handle) }

// Sampler cuts epochs into batches.
type Sampler struct{ handle *C.adaptau_sampler }

func NewSampler(c *Context, d *Dataset, rowsPerBatch int, seed uint64) (*Sampler, error) {
	var cause C.adaptau_error
	var options C.adaptau_sampler_options
	options.struct_size = C.uint32_t(unsafe.Sizeof(options))
	if err := check(C.adaptau_sampler_options_init(&options, C.ADAPTAU_SAMPLER_CATALOGUE, &cause), &cause); err != nil {
		return nil, err
	}
	options.rows_per_batch = C.int32_t(rowsPerBatch)
	options.seed = C.uint64_t(seed)
	s := &Sampler{}
	return s, check(C.adaptau_sampler_create(c.handle, d.handle, &options, &s.handle, &cause), &cause)
}

func (s *Sampler) BeginEpoch(epoch int) error {
	var cause C.adaptau_error
	return check(C.adaptau_sampler_begin_epoch(s.handle, C.int64_t(epoch), &cause), &cause)
}

// Batch is good until the next one is asked for.
type Batch struct{ batch C.adaptau_batch }

// Next is nil when the epoch is over.
func (s *Sampler) Next() (*Batch, error) {
	var cause C.adaptau_error
	b := &Batch{}
	b.batch.struct_size = C.uint32_t(unsafe.Sizeof(b.batch))
	if err := check(C.adaptau_sampler_next(s.handle, &b.batch, &cause), &cause); err != nil || b.batch.n_rows == 0 {
		return nil, err
	}
	return b, nil
}

func (s *Sampler) Close() { C.adaptau_sampler_destroy(s.handle) }

// Model has the embeddings and their optimiser.
type Model struct{ handle *C.adaptau_model }

func NewModel(c *Context, d *Dataset, dim int, seed uint64) (*Model, error) {
	var cause C.adaptau_error
	var options C.adaptau_model_options
	options.struct_size = C.uint32_t(unsafe.Sizeof(options))
	if err := check(C.adaptau_model_options_init(&options, &cause), &cause); err != nil {
		return nil, err
	}
	options.dim = C.int32_t(dim)
	options.seed = C.uint64_t(seed)
	m := &Model{}
	return m, check(C.adaptau_model_create(c.handle, d.handle, &options, &m.handle, &cause), &cause)
}

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

func (m *Model) UpdateTemperature(t *Temperature) error {
	var cause C.adaptau_error
	return check(C.adaptau_model_update_temperature(m.handle, t.handle, &cause), &cause)
}

// Step is what a batch cost: the sum of the losses of its terms.
type Step struct {
	Loss  float64
	Terms float64
}

func (m *Model) Gradients(b *Batch, t *Temperature) (Step, error) {
	var cause C.adaptau_error
	var step C.adaptau_step
	step.struct_size = C.uint32_t(unsafe.Sizeof(step))
	err := check(C.adaptau_model_gradients(m.handle, &b.batch, t.handle, &step, &cause), &cause)
	return Step{float64(step.loss), float64(step.n_terms)}, err
}

func (m *Model) Apply() error {
	var cause C.adaptau_error
	return check(C.adaptau_model_apply(m.handle, &cause), &cause)
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

// Recall ranks with the model's embeddings and gives the mean over users.
func (e *Evaluator) Recall(m *Model) (float64, error) {
	var cause C.adaptau_error
	var tables C.adaptau_tables
	tables.struct_size = C.uint32_t(unsafe.Sizeof(tables))
	var recall C.double
	if err := check(C.adaptau_model_get_tables(m.handle, &tables, &cause), &cause); err != nil {
		return 0, err
	}
	if err := check(C.adaptau_evaluator_run(e.handle, &tables, &cause), &cause); err != nil {
		return 0, err
	}
	err := check(C.adaptau_evaluator_mean(e.handle, C.ADAPTAU_METRIC_RECALL, e.cutoff, &recall, &cause), &cause)
	return float64(recall), err
}

func (e *Evaluator) Close() { C.adaptau_evaluator_destroy(e.handle) }
