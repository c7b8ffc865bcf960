package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"humpty/internal/ui"
	"humpty/projector"
	"humpty/projector/report"
)

// story tells a person, or a machine, what happens.
type story struct {
	out     io.Writer
	json    bool
	chapter int
	err     error // of the first write that failed

	steps []Step     // of the timeline
	watch ui.Options // how the progress of work is shown
}

func (s *story) write(text string) {
	if _, err := io.WriteString(s.out, text); err != nil && s.err == nil {
		s.err = fmt.Errorf("demo: print: %w", err)
	}
}

func (s *story) title(text string) {
	s.chapter++
	if !s.json {
		s.write(fmt.Sprintf("\n%d  %s\n", s.chapter, text))
	}
}

// say prints lines for a person, indented under the chapter.
func (s *story) say(format string, args ...any) {
	if !s.json {
		s.write("   " + strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\n   ") + "\n")
	}
}

// emit prints one line of NDJSON: the fields of v, after the line's type.
func (s *story) emit(kind string, v any) {
	if !s.json {
		return
	}
	fields, err := json.Marshal(v)
	if err != nil {
		s.err = fmt.Errorf("demo: %w", err)
		return
	}
	s.write(fmt.Sprintf(`{"schema":1,"type":%q,%s`+"\n", kind, fields[1:]))
}

// timeline is the table at the end.
func (s *story) timeline() {
	if s.json {
		return
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "rows\tdocuments\tsize\trate\ttime\t")
	for _, step := range s.steps {
		rate := ""
		switch n := max(step.Documents, step.Rows); {
		case step.Seconds == 0, n == 0:
		case step.Documents > 0:
			rate = ui.Count(int64(float64(step.Documents)/step.Seconds)) + " docs/s"
		default:
			rate = ui.Count(int64(float64(step.Rows)/step.Seconds)) + " rows/s"
		}
		size := ""
		if step.Bytes > 0 {
			size = ui.Bytes(step.Bytes)
		}
		took := ui.Time(time.Duration(step.Seconds * float64(time.Second)))
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t   %s\n", count(step.Rows), count(step.Documents), size, rate, took, step.Name)
	}
	if err := w.Flush(); err != nil && s.err == nil {
		s.err = fmt.Errorf("demo: print: %w", err)
	}
}

func count(n int64) string {
	if n == 0 {
		return ""
	}
	return ui.Count(n)
}

// step measures one step of the timeline; do fills in what it counted.
func (s *story) step(name string, do func(*Step) error) error {
	step := Step{Name: name}
	start := time.Now()
	err := do(&step)
	step.Seconds = time.Since(start).Seconds()
	if err == nil {
		s.add(step)
	}
	return err
}

func (s *story) add(step Step) {
	s.steps = append(s.steps, step)
	s.emit("step", step)
}

// withProgress shows the progress of work that takes a while.
func (s *story) withProgress(ctx context.Context, work func(context.Context, func(report.Event)) error) error {
	return ui.NewReporter(s.watch).Run(ctx, work)
}

// addPhases puts the phases of a build that did something into the timeline.
func (s *story) addPhases(name string, r projector.Record) {
	for _, p := range r.Phases {
		step := Step{Name: name + ": " + string(p.Phase), Seconds: p.Seconds}
		switch p.Phase {
		case report.PhaseLoad:
			step.Rows, step.Documents = r.Ledger.Inputs.Rows, documentsOf(r)
		case report.PhaseVerify:
			step.Documents = documentsOf(r)
		}
		s.add(step)
	}
}

// withoutNotices leaves out what only somebody who operates it wants to know.
func withoutNotices(tell func(report.Event)) func(report.Event) {
	return func(e report.Event) {
		switch e.Kind {
		case report.Notice, report.Waiting, report.Lagging:
		default:
			tell(e)
		}
	}
}

// documentsOf is how many documents there are; what customers changed meanwhile was written more
// than once.
func documentsOf(r projector.Record) int64 {
	if r.Verified == nil {
		return r.Ledger.Written
	}
	return r.Verified.Documents
}

func phases(r projector.Record) map[report.Phase]float64 {
	took := map[report.Phase]float64{}
	for _, p := range r.Phases {
		took[p.Phase] = p.Seconds
	}
	return took
}
