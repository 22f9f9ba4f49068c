// Command radd trains recurrent networks on the International Brain
// Laboratory's hierarchical inference task, replays them, rolls them out, distils
// them, and plays the task's Bayesian actors.
//
// Result tables go to standard output, with --json one JSON object as its last
// line; progress and messages go to standard error. Exit codes:
//
//	0   done
//	1   failed
//	2   bad usage, configuration or input; nothing was written
//	3   training stopped on a number that is not finite
//	75  stopped by a signal after writing a checkpoint: run again with --resume
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"radd/internal/input"
	"radd/internal/panics"
	"radd/kernels"
	"radd/sweep"
	"radd/train"
)

const (
	exitFailed    = 1
	exitInput     = 2
	exitNonFinite = 3
	exitStopped   = 75 // sysexits.h's EX_TEMPFAIL
)

// cli is the command line.
type cli struct {
	Train     trainCommand     `cmd:"" help:"Train a network on the task."`
	Rollout   rolloutCommand   `cmd:"" help:"Play one long session with a trained network and record it."`
	Replay    replayCommand    `cmd:"" help:"Take a recorded session through given weights: every step, the loss and all gradients."`
	Baseline  baselineCommand  `cmd:"" help:"Play the task as a Bayesian actor."`
	Distill   distillCommand   `cmd:"" help:"Make a small network of a large one, by RADD or traditionally."`
	Analyze   analyzeCommand   `cmd:"" help:"Write the data behind every figure: state space, fixed points, behaviour."`
	Report    reportCommand    `cmd:"" help:"Draw runs: one self-contained page, and every figure as SVG, PDF, PNG and CSV."`
	Sweep     sweepCommand     `cmd:"" help:"Train, roll out and distil many networks, here or on a Slurm cluster."`
	Compare   compareCommand   `cmd:"" help:"Hold the behaviour of two sets of runs against each other."`
	Export    exportCommand    `cmd:"" help:"Write a run's trials for other tools: IBL's ALF, or CSV."`
	Reproduce reproduceCommand `cmd:"" help:"Train the paper's networks and print their figures beside the paper's."`
	Claims    claimsCommand    `cmd:"" help:"Put the paper's claims to the test, over thousands of networks."`
	Bench     benchCommand     `cmd:"" help:"Measure how fast networks are trained here."`
	Devices   devicesCommand   `cmd:"" help:"List what can compute here."`

	JSON    bool             `name:"json" help:"Print the summary as one JSON object, the last line of standard output."`
	Quiet   bool             `short:"q" help:"No progress, messages and tables; errors and the --json line remain."`
	Version kong.VersionFlag `help:"Print version and build, and exit."`
}

func main() { os.Exit(radd(os.Args[1:])) }

// radd runs one command and returns the exit code.
func radd(args []string) (code int) {
	defer func() {
		if value := recover(); value != nil {
			stack := debug.Stack()
			if fault, ok := value.(*panics.Error); ok { // from another goroutine
				stack = fault.Stack
			}
			fmt.Fprintf(os.Stderr, "radd: this is a bug in radd, please report it: %v\n\n%s", value, stack)
			code = exitFailed
		}
	}()
	var c cli
	parser, err := kong.New(&c,
		kong.Name("radd"),
		kong.Description("Train, distil and dissect recurrent networks on the IBL's hierarchical inference task."),
		kong.Vars{"version": version()},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.PostBuild(describeKeys),
	)
	if err != nil {
		panic(err)
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "radd: %v\n", err)
		if parse := (*kong.ParseError)(nil); errors.As(err, &parse) && parse.Context.Selected() != nil {
			fmt.Fprintf(os.Stderr, "See radd %s --help.\n", parse.Context.Selected().Name)
		} else {
			fmt.Fprintln(os.Stderr, "See radd --help.")
		}
		return exitInput
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	a := newApp(args, c.JSON, c.Quiet)
	unregister := context.AfterFunc(ctx, func() {
		stop()
		a.log.Info("stopping; a second Ctrl-C ends at once")
	})
	defer unregister() // before the deferred stop, which ends ctx as well

	command.BindTo(ctx, (*context.Context)(nil))
	err = command.Run(a, command)
	if fault := (*panics.Error)(nil); errors.As(err, &fault) {
		panic(fault)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errors.New("interrupted: what was not finished was not written")
	}
	if err != nil {
		a.screen.clear()
		fmt.Fprintf(os.Stderr, "radd: %v\n", err)
	}
	return exitCode(err)
}

// exitCode returns the code that tells of the error.
func exitCode(err error) int {
	var nonFinite *kernels.NonFiniteError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &nonFinite):
		return exitNonFinite
	case errors.Is(err, train.ErrStopped), errors.Is(err, sweep.ErrStopped):
		return exitStopped
	case input.Is(err):
		return exitInput
	}
	return exitFailed
}
