package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"radd/internal/panics"
	"radd/train"
)

// parts are the parts of a work that go on at once. Where one fails or panics,
// the others are asked to stop.
type parts struct {
	group *errgroup.Group
	mu    sync.Mutex
	errs  []error
}

// atOnce returns parts of which so many go on at once, and the context that
// they shall heed.
func atOnce(ctx context.Context, many int) (*parts, context.Context) {
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(many)
	return &parts{group: group}, within
}

// do begins a part, as soon as there is room for it.
func (p *parts) do(f func() error) {
	p.group.Go(func() error {
		err := panics.Catch(f)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.errs = append(p.errs, err)
		return err
	})
}

// wait waits for all parts and returns the first failure, which made the others
// stop; train.ErrStopped where there is none and they were stopped from outside.
func (p *parts) wait() error {
	p.group.Wait() // its error may be that of a part that was merely stopped
	return outcome(p.errs)
}

func outcome(errs []error) (stopped error) {
	for _, err := range errs {
		switch {
		case err == nil:
		case errors.Is(err, train.ErrStopped), errors.Is(err, context.Canceled):
			stopped = fmt.Errorf("%w; radd reproduce goes on from there", train.ErrStopped)
		default:
			return err
		}
	}
	return stopped
}
