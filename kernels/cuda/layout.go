package cuda

import (
	"math"
	"unsafe"

	"radd/kernels"
	"radd/task"
)

// The types of src/layout.cuh: every field has 8 bytes.

type taskConstants struct {
	BlankSteps, MaxSteps int64
	Threshold            float64
	Waiting              float64
	Correct, Error       float64
	Timeout              float64
	NoiseSD              float64
	Blocks, BlockMin     int64
	Bias                 uint64
	Strengths, Lengths   int64
	StrengthThreshold    Pointer
	Strength             Pointer
	BlockThreshold       Pointer
}

type record struct {
	Loss, GradientNorm                 float64
	RNNSteps, Trials, Actions, Correct int64
}

type tapePointers struct {
	Hidden, Input, Difference, Slope, Dz, Code Pointer
}

type slot struct {
	Tape, Lead       tapePointers
	Grad, Transposed Pointer
}

const (
	modeTrain = iota
	modePlay
	modeDifferentiate
)

const (
	statusGoing = iota
	statusNotFinite
	statusWeightNotFinite
)

type objective struct {
	Kind, Sum int64
	Q         float64
}

func objectiveOf(o kernels.Objective) objective {
	sum := int64(0)
	if o.Sum {
		sum = 1
	}
	return objective{int64(o.Kind), sum, o.Q}
}

type job struct {
	Task      Pointer
	N         int64
	Objective objective
	Seed      uint64
	Stream    int64
	Session   int64
	Step      int64
	State     [2]Pointer
	Current   int64
	Scale     float64

	Sessions, Steps        int64
	LearningRate, Momentum float64
	TeacherN               int64
	Teacher                Pointer
	Records                Pointer
	Done                   int64
	Status                 int64

	Side, Strength, Observation Pointer
	ForcedFeedback, ForcedEnd   Pointer
	From, To                    int64
	First                       float64
	T                           int64
	Last                        float64
	Record                      record
}

type arguments struct {
	Mode    int64
	Jobs    int64
	Next    uint64
	Quantum uint64
	Job     Pointer
	Slot    Pointer
}

// sizeOf returns the bytes of n elements.
func sizeOf[E any](n int) int {
	var e E
	return n * int(unsafe.Sizeof(e))
}

// bytesOf returns the memory of v. E has no pointers.
func bytesOf[E any](v []E) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), sizeOf[E](len(v)))
}

// ruleOf returns the constants of a closed loop. The threshold is the largest
// number of the type that is not above the rule's: a difference of the type is
// above the one exactly where it is above the other.
func ruleOf[F kernels.Float](r task.Rule, noiseSD float64) taskConstants {
	threshold := F(r.LogitThreshold)
	if float64(threshold) > r.LogitThreshold {
		threshold = F(math.Nextafter32(float32(threshold), 0))
	}
	return taskConstants{
		BlankSteps: int64(r.BlankSteps), MaxSteps: int64(r.MaxSteps),
		Threshold: float64(threshold), NoiseSD: noiseSD,
		Waiting: r.WaitingFeedback, Correct: r.CorrectFeedback, Error: r.ErrorFeedback, Timeout: r.TimeoutFeedback,
	}
}

// put adds the constants and tables of a sampler to the arena.
func (a *arena) putSampler(rule taskConstants, p *task.Sampler) Pointer {
	rule.Blocks, rule.BlockMin, rule.Bias = int64(p.Config.Blocks), int64(p.Config.BlockMin), p.Bias
	rule.Strengths, rule.Lengths = int64(len(p.Strength)), int64(len(p.Block))
	rule.StrengthThreshold = put(a, p.Strength)
	rule.Strength = put(a, p.Config.Strengths)
	rule.BlockThreshold = put(a, p.Block)
	return putOne(a, rule)
}
