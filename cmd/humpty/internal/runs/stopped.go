package runs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"humpty/cmd/humpty/internal/console"
	"humpty/internal/config"
	"humpty/internal/printable"
	"humpty/internal/problem"
)

// Stopped is a run that was stopped, of any kind.
type Stopped struct {
	Projection config.Projection `json:"-"`

	Run        string    `json:"run"`
	Generation string    `json:"generation"` // empty: it had none yet
	Started    time.Time `json:"started"`
	Done       int       `json:"done"` // partitions
	Partitions int       `json:"partitions"`
}

func (s Stopped) String() string {
	text := fmt.Sprintf("run %s of %s, which began %s and was stopped, ", s.Run, s.Projection.Name, s.Started.Local().Format(time.DateTime))
	if s.Projection.Live {
		return text + fmt.Sprintf("has done %d of %d partitions", s.Done, s.Partitions)
	}
	return text + "read one snapshot, which ended with its process"
}

// Stopped finds the runs of a projection that were stopped: live ones in the state folder;
// those of a snapshot by the generation that they left half done in the target.
func (l *Leftovers) Stopped(ctx context.Context, p config.Projection) ([]Stopped, error) {
	if p.Live {
		return l.Resumable(p)
	}
	partial, err := l.partial(ctx, p)
	var all []Stopped
	for _, g := range partial {
		all = append(all, Stopped{Projection: p, Run: g.Meta.Run, Generation: g.Name, Started: g.Meta.Started})
	}
	return all, err
}

// Resumable are the live runs of a projection that were stopped; none if it is not live.
func (l *Leftovers) Resumable(p config.Projection) ([]Stopped, error) {
	if !p.Live {
		return nil, nil
	}
	state, err := l.State()
	if err != nil {
		return nil, err
	}
	runs, err := state.Resumable(p.Name)
	var all []Stopped
	for _, b := range runs {
		all = append(all, Stopped{p, b.Run, b.Generation, b.Started, b.Done, len(b.Partitions)})
	}
	return all, err
}

// Find finds a run that was stopped: the one of that name, or the only one.
func (l *Leftovers) Find(ctx context.Context, run string) (Stopped, error) {
	state, err := l.State()
	if err != nil {
		return Stopped{}, err
	}
	var all []Stopped
	var unread error // a target that does not answer
	for _, p := range l.config.Projections {
		if run != "" && p.Live && state.Has(p.Name, run) {
			return Stopped{Projection: p, Run: run}, nil // the engine says whether it can be resumed
		}
		found, err := l.Stopped(ctx, p)
		if p.Live && err != nil {
			return Stopped{}, err
		}
		unread = errors.Join(unread, err)
		if !p.Live {
			if run != "" && slices.ContainsFunc(found, func(s Stopped) bool { return s.Run == run }) {
				return Stopped{Projection: p, Run: run}, nil
			}
			found = found[max(0, len(found)-1):] // one new run stands for all of them
		}
		all = append(all, found...)
	}
	switch {
	case run == "" && len(all) == 1:
		return all[0], nil
	case run == "" && len(all) > 1:
		return Stopped{}, ErrSeveral(all)
	}
	return Stopped{}, errors.Join(l.nothingToResume(run, all), unread)
}

// Remaining are the projections of an order that a rebuild of all has still to do, and those
// of which a run was stopped.
func (l *Leftovers) Remaining(ctx context.Context, order []config.Projection) ([]config.Projection, error) {
	state, err := l.State()
	if err != nil {
		return nil, err
	}
	names, err := pendingList{state.Dir}.load(l.config.File)
	if err != nil {
		return nil, err
	}
	var rest []config.Projection
	for _, p := range order {
		if !slices.Contains(names, p.Name) {
			stopped, err := l.Stopped(ctx, p)
			if err != nil {
				return nil, fmt.Errorf("look for stopped runs of %s: %w", p.Name, err)
			}
			if len(stopped) == 0 {
				continue
			}
		}
		rest = append(rest, p)
	}
	if len(rest) == 0 {
		return nil, l.nothingToResume("", nil)
	}
	return rest, nil
}

func (l *Leftovers) nothingToResume(run string, all []Stopped) error {
	why := fmt.Sprintf("no stopped run is known in the state folder %s, or to a target", l.state.Dir)
	if run != "" {
		why = fmt.Sprintf("run %s is not known in the state folder %s, or to a target", run, l.state.Dir)
	}
	remedy := "name the folder that it began with: --state DIR; or start over: humpty rebuild"
	if len(all) > 0 {
		remedy = "there are " + strings.Join(names(all), ", ")
	}
	return &problem.Refusal{Why: why, Remedy: remedy}
}

// ErrSeveral is the answer where one stopped run is meant and there are several.
func ErrSeveral(all []Stopped) error {
	return console.Usage("several runs were stopped: say which: "+strings.Join(names(all), ", "),
		printable.Command("humpty", "resume", all[0].Run)+", or humpty resume --all")
}

func names(all []Stopped) []string {
	var names []string
	for _, one := range all {
		names = append(names, one.Run+" of "+one.Projection.Name)
	}
	return names
}
