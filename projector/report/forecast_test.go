package report_test

import (
	"math"
	"reflect"
	"testing"
	"time"

	"humpty/projector/report"
)

// told gives a forecast events at seconds after its beginning.
type told struct {
	f     *report.Forecast
	start time.Time
}

func (t told) at(second float64, e report.Event) {
	e.At = t.start.Add(time.Duration(second * float64(time.Second)))
	t.f.Observe(e)
}

func (t told) left(second float64) report.ETA {
	return *t.f.Left(t.start.Add(time.Duration(second * float64(time.Second))))
}

func wantETA(t *testing.T, when string, got report.ETA, seconds float64, besides ...report.Phase) {
	t.Helper()
	if math.Abs(got.Seconds-seconds) > 0.01 || len(got.Besides)+len(besides) > 0 && !reflect.DeepEqual(got.Besides, besides) {
		t.Errorf("%s: %+v, want %.1f s besides %v", when, got, seconds, besides)
	}
}

// A first run knows what it has measured, and says what it has not.
func TestForecastOfAFirstRun(t *testing.T) {
	t.Parallel()
	n := told{&report.Forecast{Documents: 1000}, time.Now()}
	n.at(0, report.Event{Kind: report.Started, Phase: report.PhaseLoad})
	wantETA(t, "before the first document", n.left(1), 0, report.PhaseLoad, report.PhaseSeal, report.PhaseVerify)
	n.at(2, report.Event{Kind: report.Progress, Phase: report.PhaseLoad, Done: 100, Total: 1000})
	n.at(3, report.Event{Kind: report.Progress, Phase: report.PhaseLoad, Done: 200, Total: 1000})
	wantETA(t, "in the load", n.left(3), 8, report.PhaseSeal, report.PhaseVerify)
	wantETA(t, "a while later", n.left(5), 6, report.PhaseSeal, report.PhaseVerify)
	n.at(11, report.Event{Kind: report.Ended, Phase: report.PhaseLoad, Elapsed: 11 * time.Second})
	wantETA(t, "between phases", n.left(11), 0, report.PhaseSeal, report.PhaseVerify)
	n.f.Live = true
	wantETA(t, "with changes to catch up with", n.left(11), 0, report.PhaseCatchUp, report.PhaseSeal, report.PhaseVerify)
	n.at(12, report.Event{Kind: report.Started, Phase: report.PhaseVerify})
	n.at(13, report.Event{Kind: report.Progress, Phase: report.PhaseVerify, Done: 250, Total: 1000})
	n.at(14, report.Event{Kind: report.Progress, Phase: report.PhaseVerify, Done: 500, Total: 1000})
	wantETA(t, "in the verification", n.left(14), 2)
}

// With an earlier run nothing is unknown, as long as the phases take no longer than then.
func TestForecastFromAnEarlierRun(t *testing.T) {
	t.Parallel()
	n := told{&report.Forecast{Documents: 2000, Live: true, Before: report.Pace{Documents: 1000, Seconds: map[report.Phase]float64{
		report.PhasePlan: 1, report.PhaseLoad: 10, report.PhaseCatchUp: 3, report.PhaseSeal: 4, report.PhaseVerify: 5,
	}}}, time.Now()}
	n.at(0, report.Event{Kind: report.Started, Phase: report.PhaseLoad})
	wantETA(t, "before the first document", n.left(5), 15+3+8+10)
	n.at(6, report.Event{Kind: report.Progress, Phase: report.PhaseLoad, Done: 500, Total: 2000}) // an earlier process's
	n.at(8, report.Event{Kind: report.Progress, Phase: report.PhaseLoad, Done: 700, Total: 2000})
	wantETA(t, "slower than then", n.left(8), 13+3+8+10)
	n.at(21, report.Event{Kind: report.Ended, Phase: report.PhaseLoad, Elapsed: 21 * time.Second})
	n.at(21, report.Event{Kind: report.Started, Phase: report.PhaseCatchUp})
	n.at(22, report.Event{Kind: report.Lagging, Lag: &report.Lag{Backlog: 600, Rate: 100}})
	wantETA(t, "with marks", n.left(22), 6+8+10)
	n.at(25, report.Event{Kind: report.Ended, Phase: report.PhaseCatchUp, Elapsed: 4 * time.Second})
	n.at(25, report.Event{Kind: report.Started, Phase: report.PhaseSeal})
	wantETA(t, "in the seal", n.left(27), 6+10)
	wantETA(t, "longer than then", n.left(40), 10, report.PhaseSeal)
	if got := n.f.Measured(n.start.Add(30 * time.Second)); got[report.PhaseLoad] != 21 || got[report.PhaseSeal] != 5 {
		t.Errorf("measured %v", got)
	}
}

func TestETAThatNobodyRenews(t *testing.T) {
	t.Parallel()
	e := report.ETA{Seconds: 10}
	wantETA(t, "after a while", e.After(4*time.Second, report.PhaseSeal), 6)
	wantETA(t, "after too long", e.After(14*time.Second, report.PhaseSeal), 0, report.PhaseSeal)
}

// What others see of a run, and what stays of an error.
func TestDoing(t *testing.T) {
	t.Parallel()
	var d report.Activity
	now := time.Now()
	d.Observe(report.Event{Kind: report.Started, Phase: report.PhaseLoad, At: now, ETA: &report.ETA{Seconds: 9}})
	d.Observe(report.Event{Kind: report.Waiting, Phase: report.PhaseLoad, At: now, Text: "the target is full"})
	if d.Waiting != "the target is full" || d.ETA.Seconds != 9 {
		t.Errorf("%+v", d)
	}
	d.Observe(report.Event{Kind: report.Progress, Phase: report.PhaseLoad, At: now.Add(time.Second), Done: 3, Total: 9, ETA: &report.ETA{Seconds: 7}})
	d.Observe(report.Event{Kind: report.Ended, Phase: report.PhaseLoad, At: now.Add(time.Second), Failed: "gone"})
	d.Observe(report.Event{Kind: report.Started, Phase: report.PhasePlan, At: now.Add(2 * time.Second)})
	if d.Error != "gone" || d.Waiting != "" || d.Done != 0 || d.Phase != report.PhasePlan || !d.At.Equal(now.Add(2*time.Second)) {
		t.Errorf("%+v", d)
	}
}
