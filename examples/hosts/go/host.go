// SPDX-License-Identifier: MIT

// The host of ../README.md in Go, with the package beside it.
package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"

	"adaptauhost/adaptau"
)

const (
	users, items, tastes  = 600, 200, 10
	trainDraws, testDraws = 12, 4
	cutoff, best          = 10, 5
	someone               = 7
)

type pairs struct{ users, items []int32 }

// Of 16 draws from the 20 items of a user's taste, 12 are for training and 4 for the test.
func makePairs() (train, test pairs) {
	state := uint32(1)
	for user := int32(0); user < users; user++ {
		for draw := 0; draw < trainDraws+testDraws; draw++ {
			state = state*1664525 + 1013904223
			part := &train
			if draw >= trainDraws {
				part = &test
			}
			part.users = append(part.users, user)
			part.items = append(part.items, int32(state>>16%(items/tastes))*tastes+user%tastes)
		}
	}
	return train, test
}

// Of the bits of every number that is printed.
type fingerprint uint64

func (f *fingerprint) mix(bits uint64) { *f = (*f ^ fingerprint(bits)) * 0x100000001b3 }

func trainEpoch(training *adaptau.Training, epoch int) error {
	if err := training.BeginEpoch(epoch); err != nil {
		return err
	}
	for {
		batch, err := training.Next()
		if err != nil {
			return err
		}
		if batch == nil {
			return training.EndEpoch()
		}
		if err := training.Step(batch); err != nil {
			return err
		}
	}
}

// What all models are asked.
type answer struct {
	items  []int32
	scores []float32
}

func recommend(model *adaptau.Model, user int32, seen *adaptau.Dataset) (answer, error) {
	items, scores, err := model.TopK([]int32{user}, best, seen)
	return answer{items, scores}, err
}

func compare(a, b answer) string {
	if reflect.DeepEqual(a, b) {
		return "the same"
	}
	return "different"
}

func run(path string) error {
	context, err := adaptau.NewContext()
	if err != nil {
		return err
	}
	defer context.Close()
	trainPairs, testPairs := makePairs()
	train, err := adaptau.NewDataset(context, users, items, trainPairs.users, trainPairs.items)
	if err != nil {
		return err
	}
	defer train.Close()
	test, err := adaptau.NewDataset(context, users, items, testPairs.users, testPairs.items)
	if err != nil {
		return err
	}
	defer test.Close()
	// A recipe says how a model is trained: what the host knows, and for the rest what suits the data.
	wanted, err := adaptau.NewRecipe(train, 16, 4, 1)
	if err != nil {
		return err
	}
	training, err := adaptau.NewTraining(context, train, wanted) // finds the temperature
	if err != nil {
		return err
	}
	defer training.Close()
	recipe, err := training.Recipe()
	if err != nil {
		return err
	}
	model := training.Model()
	evaluator, err := adaptau.NewEvaluator(context, test, cutoff, train)
	if err != nil {
		return err
	}
	defer evaluator.Close()

	print := fingerprint(0xcbf29ce484222325)
	fmt.Printf("%d users, %d items, %d pairs\n", users, items, train.Pairs())
	fmt.Printf("recipe: %d epochs, %d users in a batch, tau %.6f\n", recipe.Epochs(), recipe.RowsPerBatch(), recipe.Tau())
	print.mix(math.Float64bits(recipe.Tau()))
	for epoch := 0; epoch < recipe.Epochs(); epoch++ {
		if err := trainEpoch(training, epoch); err != nil {
			return err
		}
		recall, err := evaluator.Recall(model)
		if err != nil {
			return err
		}
		state, err := training.State()
		if err != nil {
			return err
		}
		fmt.Printf("epoch %d  loss %.6f  tau %.6f  recall@%d %.6f\n", epoch+1, state.Loss, state.Tau0, cutoff, recall)
		for _, number := range []float64{state.Loss, state.Tau0, recall} {
			print.mix(math.Float64bits(number))
		}
	}

	trained, err := recommend(model, someone, train)
	if err != nil {
		return err
	}
	for k, item := range trained.items {
		fmt.Printf("user %d  item %d  score %.6f\n", someone, item, trained.scores[k])
		print.mix(uint64(item))
		print.mix(uint64(math.Float32bits(trained.scores[k])))
	}
	if err := model.Save(path); err != nil {
		return err
	}
	loaded, err := adaptau.LoadModel(context, path)
	if err != nil {
		return err
	}
	defer loaded.Close()
	again, err := recommend(loaded, someone, train)
	if err != nil {
		return err
	}
	fmt.Println("loaded:", compare(trained, again))

	// All of it in one call, which tells of each epoch: by the same recipe it is the same model.
	epochs := 0
	fitted, err := adaptau.Fit(context, train, recipe, func(epoch int, _ float64) bool {
		epochs = epoch + 1
		return true
	})
	if err != nil {
		return err
	}
	defer fitted.Close()
	if again, err = recommend(fitted, someone, train); err != nil {
		return err
	}
	fmt.Printf("fit: %d epochs, %s\n", epochs, compare(trained, again))

	// A mistake of the host's is an error like any other; the model is as usable as before.
	var mistake *adaptau.Error
	if _, err := recommend(fitted, users, nil); errors.As(err, &mistake) {
		fmt.Printf("user %d: %s: %s\n", users, mistake.Name, mistake.Message)
	}
	fmt.Printf("fingerprint %016x\n", uint64(print))
	return nil
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: host MODEL_FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
