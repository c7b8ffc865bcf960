package ui

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"humpty/projector/report"
)

// shared is a buffer that two goroutines may use.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out shared
		r := NewReporter(Options{Out: &out})
		failure := errors.New("disk full")
		wait := func() { <-time.After(14 * time.Second) } // not quite three intervals
		err := r.Run(t.Context(), func(_ context.Context, tell func(report.Event)) error {
			tell(report.Event{Kind: report.Started, Phase: report.PhaseLoad, At: time.Now()})
			tell(report.Event{Kind: report.Notice, Text: "first\nsecond"})
			wait()
			tell(report.Event{Kind: report.Progress, Phase: report.PhaseLoad, Done: 28_000, Total: 56_000, Bytes: 51_900_000, Text: "5 requests at once: try 5"})
			wait()
			if got := r.Status(); got != "load: 28,000 of about 56,000 documents (50%), 51.9 MB, 1,000/s, ETA 28.0s, 5 requests at once: try 5" {
				t.Errorf("status: %s", got)
			}
			tell(report.Event{Kind: report.Waiting, Phase: report.PhaseLoad, Text: "the target is full"})
			tell(report.Event{Kind: report.Ended, Phase: report.PhaseLoad, Elapsed: 28 * time.Second})
			tell(report.Event{Kind: report.Started, Phase: report.PhaseSeal, At: time.Now()})
			tell(report.Event{Kind: report.Ended, Phase: report.PhaseSeal, Elapsed: time.Second, Failed: "no"})
			tell(report.Event{Kind: report.Started, Phase: report.PhaseVerify, At: time.Now()})
			tell(report.Event{Kind: report.Ended, Phase: report.PhaseVerify, Elapsed: time.Second, Failed: "3 differ", Answer: "found 3 differences"})
			return failure
		})
		if !errors.Is(err, failure) {
			t.Errorf("error: %v", err)
		}
		want := `load      started
notice    first
          second
load      running for 10.0s
load      28,000 of about 56,000 documents (50%), 51.9 MB, 1,400/s, ETA 20.0s, 5 requests at once: try 5
load      waiting: the target is full
load      done in 28.0s: 28,000 documents, 51.9 MB, 1,000/s
seal      started
seal      stopped after 1.0s
verify    started
verify    found 3 differences after 1.0s
`
		if got := out.String(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// A rebuild says when the alias serves, which is not when its load is over; what has no
// measure is named, and nothing is promised that is overdue.
func TestETAUntilTheAliasServes(t *testing.T) {
	t.Parallel()
	start := time.Now()
	p := phase{}
	p.apply(report.Event{Kind: report.Started, Phase: report.PhaseLoad, At: start, ETA: &report.ETA{Besides: []report.Phase{report.PhaseLoad, report.PhaseVerify}}})
	want := func(after time.Duration, text string) {
		t.Helper()
		if got := p.text(start.Add(after)); !strings.Contains(got, text) {
			t.Errorf("after %s: %q, want %q", after, got, text)
		}
	}
	want(time.Second, "running for 1.0s, ETA not known until the alias serves (no measure of load, verify)")
	p.apply(report.Event{Kind: report.Progress, Phase: report.PhaseLoad, At: start.Add(10 * time.Second), Done: 10, Total: 20, ETA: &report.ETA{Seconds: 30}})
	want(12*time.Second, "ETA 28.0s until the alias serves")
	if got := p.short(start.Add(12 * time.Second)); !strings.Contains(got, "ETA 28.0s  ") && !strings.HasSuffix(got, "ETA 28.0s") {
		t.Errorf("beside a bar: %q", got)
	}
	p.apply(report.Event{Kind: report.Started, Phase: report.PhaseSeal, At: start.Add(20 * time.Second), ETA: &report.ETA{Seconds: 5, Besides: []report.Phase{report.PhaseVerify}}})
	want(22*time.Second, "ETA over 3.0s until the alias serves (no measure of verify)")
	want(40*time.Second, "ETA not known until the alias serves (no measure of seal, verify)")
	d := report.Activity{Phase: report.PhaseLoad, Since: start, At: start.Add(2 * time.Second), Done: 5, Total: 10, Waiting: "the target is full", ETA: &report.ETA{Seconds: 9}}
	if got := Activity(d, start.Add(5*time.Second)); got != "load: 5 of about 10 documents (50%), 1/s, ETA 6.0s until the alias serves, waiting: the target is full" {
		t.Errorf("%q", got)
	}
}

func TestBarsLeaveTheLines(t *testing.T) {
	t.Parallel()
	var out shared
	r := NewReporter(Options{Out: &out, Bars: true})
	err := r.Run(t.Context(), func(_ context.Context, tell func(report.Event)) error {
		for _, p := range []report.Phase{report.PhaseLoad, report.PhaseVerify} {
			tell(report.Event{Kind: report.Started, Phase: p, At: time.Now()})
			tell(report.Event{Kind: report.Progress, Phase: p, Done: 10, Total: 20, Bytes: 100})
			tell(report.Event{Kind: report.Notice, Text: "a notice in " + string(p)})
			tell(report.Event{Kind: report.Progress, Phase: p, Done: 30, Total: 20, Bytes: 300}) // more than estimated
			tell(report.Event{Kind: report.Ended, Phase: p, Elapsed: time.Second})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"notice    a notice in load\n", "load      done in 1.0s: 30 documents, 300 B, 30/s\n", "verify    done in 1.0s"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("missing %q in\n%q", line, out.String())
		}
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1: "-1", -1234: "-1,234"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %s", n, got)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1730: "1.7 kB", 538e6: "538 MB", 999_950: "1.0 MB", 2e12: "2.0 TB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{400 * time.Millisecond: "0.4s", 26*time.Second + 600*time.Millisecond: "26.6s", 200 * time.Second: "3m20s", 125 * time.Minute: "2h05m"} {
		if got := Time(d); got != want {
			t.Errorf("Time(%v) = %s", d, got)
		}
	}
}
