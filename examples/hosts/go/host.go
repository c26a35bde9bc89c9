// SPDX-License-Identifier: MIT

// The host of ../README.md in Go, with the package beside it.
package main

import (
	"errors"
	"fmt"
	"math"
	"os"

	"adaptauhost/adaptau"
)

const (
	users, items, tastes  = 600, 200, 10
	trainDraws, testDraws = 12, 4
	epochs, cutoff, best  = 8, 10, 5
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

// The mean loss of an epoch's terms.
func trainEpoch(model *adaptau.Model, sampler *adaptau.Sampler, temperature *adaptau.Temperature, epoch int) (float64, error) {
	loss, terms := 0.0, 0.0
	if err := model.UpdateTemperature(temperature); err != nil {
		return 0, err
	}
	if err := sampler.BeginEpoch(epoch); err != nil {
		return 0, err
	}
	for {
		batch, err := sampler.Next()
		if err != nil {
			return 0, err
		}
		if batch == nil {
			return loss / terms, nil
		}
		step, err := model.Gradients(batch, temperature)
		if err != nil {
			return 0, err
		}
		if err := model.Apply(); err != nil {
			return 0, err
		}
		loss += step.Loss
		terms += step.Terms
	}
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
	model, err := adaptau.NewModel(context, train, 32, 1)
	if err != nil {
		return err
	}
	defer model.Close()
	temperature, err := adaptau.NewTemperature(context, train)
	if err != nil {
		return err
	}
	defer temperature.Close()
	sampler, err := adaptau.NewSampler(context, train, 64, 1)
	if err != nil {
		return err
	}
	defer sampler.Close()
	evaluator, err := adaptau.NewEvaluator(context, test, cutoff, train)
	if err != nil {
		return err
	}
	defer evaluator.Close()

	print := fingerprint(0xcbf29ce484222325)
	fmt.Printf("%d users, %d items, %d pairs\n", users, items, train.Pairs())
	for epoch := 0; epoch < epochs; epoch++ {
		loss, err := trainEpoch(model, sampler, temperature, epoch)
		if err != nil {
			return err
		}
		recall, err := evaluator.Recall(model)
		if err != nil {
			return err
		}
		tau, err := temperature.Tau0()
		if err != nil {
			return err
		}
		fmt.Printf("epoch %d  loss %.6f  tau %.6f  recall@%d %.6f\n", epoch+1, loss, tau, cutoff, recall)
		for _, number := range []float64{loss, tau, recall} {
			print.mix(math.Float64bits(number))
		}
	}

	found, scores, err := model.TopK([]int32{someone}, best, train)
	if err != nil {
		return err
	}
	for k, item := range found {
		fmt.Printf("user %d  item %d  score %.6f\n", someone, item, scores[k])
		print.mix(uint64(item))
		print.mix(uint64(math.Float32bits(scores[k])))
	}
	if err := model.Save(path); err != nil {
		return err
	}
	loaded, err := adaptau.LoadModel(context, path)
	if err != nil {
		return err
	}
	defer loaded.Close()
	again, againScores, err := loaded.TopK([]int32{someone}, best, train)
	if err != nil {
		return err
	}
	same := "the same"
	for k := range found {
		if found[k] != again[k] || scores[k] != againScores[k] {
			same = "different"
		}
	}
	fmt.Println("loaded:", same)

	// A mistake of the host's is an error like any other; the model is as usable as before.
	var mistake *adaptau.Error
	if _, _, err := model.TopK([]int32{users}, best, nil); errors.As(err, &mistake) {
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
