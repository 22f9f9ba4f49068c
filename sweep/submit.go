package sweep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"radd/internal/input"
)

// slurmDir is where the tasks of a job array write what they have to say, in the
// sweep's folder.
const slurmDir = "slurm"

// Submission is a job array.
type Submission struct {
	Script string `json:"script"`
	Tasks  int    `json:"tasks"`
	Shards int    `json:"shards"` // that are to do
	Job    string `json:"job"`    // "" before it is submitted
}

// taskSeconds is what a task is worth: long beside the seconds of its start, short
// beside the days that a cluster's limits allow.
const taskSeconds = 2 * 3600

// Prepare returns a job array for the shards that are not published, and for the
// networks that no plan has; nil where there are none. It writes nothing. Every
// task runs the given program, which claims shard after shard until none is left.
func (s *Sweep) Prepare(ctx context.Context, program string) (*Submission, error) {
	published, err := s.published()
	if err != nil {
		return nil, err
	}
	draft, err := s.draft(ctx)
	if err != nil {
		return nil, err
	}
	shards := s.shards
	if draft != nil {
		shards = slices.Concat(shards, draft.list(len(s.plans)+1))
	}
	todo, seconds := 0, 0.0
	speeds := speeds{}
	for _, sh := range shards {
		if published[sh.id] {
			continue
		}
		c, err := sh.plan.grid.At(sh.ranges[0][0])
		if err != nil {
			return nil, err
		}
		each, err := s.cost(ctx, c, speeds)
		if err != nil {
			return nil, err
		}
		todo++
		seconds += each * float64(sh.networks())
	}
	if todo == 0 {
		return nil, nil
	}
	o := s.File.Slurm
	tasks := o.Tasks
	if tasks == 0 {
		tasks = min(100, int(math.Ceil(seconds/float64(taskSeconds*o.Cores))))
	}
	sub := &Submission{Tasks: max(1, min(tasks, todo)), Shards: todo}
	file, err1 := filepath.Abs(s.Path)
	out, err2 := filepath.Abs(s.Out)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if strings.ContainsAny(file+out+program, "\n\"%") {
		return nil, &input.Error{File: out, Found: "a line's end, a quote or % in a path", Do: "choose another name"}
	}
	sub.Script = script(o, sub.Tasks, program, file, out)
	return sub, nil
}

// script returns the job array's script. On the warning before the time limit,
// and on preemption, the program stops behind a checkpoint and the script puts the
// task back into the queue; so too a few times where the program was killed, but
// not where the job was cancelled. The
// program is a step of the job (srun): a step has SIGTERM when a preempted job's
// time of grace begins, the script only when it ends.
func script(o Slurm, tasks int, program, file, out string) string {
	var b strings.Builder
	option := func(format string, args ...any) { fmt.Fprintf(&b, "#SBATCH "+format+"\n", args...) }
	b.WriteString("#!/bin/bash\n")
	option("--job-name=%q", "radd-"+strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)))
	array := fmt.Sprintf("0-%d", tasks-1)
	if o.Parallel > 0 {
		array += fmt.Sprintf("%%%d", o.Parallel)
	}
	option("--array=%s", array)
	if o.Partition != "" {
		option("--partition=%s", o.Partition)
	}
	if o.Time != "" {
		option("--time=%s", o.Time)
	}
	option("--ntasks=1")
	option("--cpus-per-task=%d", o.Cores)
	if o.Memory != "" {
		option("--mem=%s", o.Memory)
	}
	if o.GPUs > 0 {
		option("--gres=gpu:%d", o.GPUs)
	}
	option("--requeue")
	option("--open-mode=append")
	option("--signal=B:USR1@%d", o.Warning)
	option("--output=%q", filepath.Join(out, slurmDir, "%A_%a.log"))
	for _, x := range o.Options {
		option("%s", x)
	}
	fmt.Fprintf(&b, `
task=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID # the array's last task has the job number of them all
trap 'warned=yes; scancel --signal=TERM "$task"' USR1 TERM # to the step: srun itself would kill it
srun --ntasks=1 --cpus-per-task=%d --input=none %s sweep run %s --no-wait --jobs %d &
child=$!
warned=yes
while [[ $warned ]]; do # a signal ends the wait
	warned=
	wait "$child"
	code=$?
done
echo "$task ended with $code"
state=$(squeue --noheader --job="$task" --format=%%T) # of one that was cancelled it is another
if [[ $state == RUNNING ]] && ((code == %d || code > 128 && ${SLURM_RESTART_COUNT:-0} < 5)); then
	scontrol requeue "$task"
	sleep 60 # until Slurm ends this one
fi
exit "$code"
`, o.Cores, quoted(program), quoted(file), o.Cores, StoppedCode)
	return b.String()
}

// StoppedCode is the exit code of a program that has stopped behind a checkpoint.
const StoppedCode = 75

// quoted returns the text as one word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// Submit adds the networks that no plan has to the folder, hands the job array to
// sbatch, and fills in the job's number.
func (s *Sweep) Submit(ctx context.Context, sub *Submission) error {
	if err := s.Plan(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(s.Out, slurmDir), 0o755); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "sbatch", "--parsable")
	cmd.Stdin = strings.NewReader(sub.Script)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	answer, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return &input.Error{File: "sbatch", Found: "no such program", Do: "submit on a machine of a Slurm cluster"}
	}
	if err != nil {
		return fmt.Errorf("sbatch: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	job, _, _ := strings.Cut(strings.TrimSpace(string(answer)), ";") // a cluster's name may follow
	if _, err := strconv.Atoi(job); err != nil {
		return fmt.Errorf("sbatch answered %q, no job's number", answer)
	}
	sub.Job = job
	return nil
}
