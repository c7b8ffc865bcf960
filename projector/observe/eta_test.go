package observe_test

import (
	"math"
	"reflect"
	"testing"
	"time"

	"humpty/projector/observe"
)

// told gives a forecast events at seconds after its beginning.
type told struct {
	f     *observe.Forecast
	start time.Time
}

func (t told) at(second float64, e observe.Event) {
	e.At = t.start.Add(time.Duration(second * float64(time.Second)))
	t.f.Take(e)
}

func (t told) left(second float64) observe.ETA {
	return *t.f.Left(t.start.Add(time.Duration(second * float64(time.Second))))
}

func wantETA(t *testing.T, when string, got observe.ETA, seconds float64, besides ...observe.Phase) {
	t.Helper()
	if math.Abs(got.Seconds-seconds) > 0.01 || len(got.Besides)+len(besides) > 0 && !reflect.DeepEqual(got.Besides, besides) {
		t.Errorf("%s: %+v, want %.1f s besides %v", when, got, seconds, besides)
	}
}

// A first run knows what it has measured, and says what it has not.
func TestForecastOfAFirstRun(t *testing.T) {
	t.Parallel()
	n := told{&observe.Forecast{Documents: 1000}, time.Now()}
	n.at(0, observe.Event{Kind: observe.Started, Phase: observe.PhaseLoad})
	wantETA(t, "before the first document", n.left(1), 0, observe.PhaseLoad, observe.PhaseSeal, observe.PhaseVerify)
	n.at(2, observe.Event{Kind: observe.Progress, Phase: observe.PhaseLoad, Done: 100, Total: 1000})
	n.at(3, observe.Event{Kind: observe.Progress, Phase: observe.PhaseLoad, Done: 200, Total: 1000})
	wantETA(t, "in the load", n.left(3), 8, observe.PhaseSeal, observe.PhaseVerify)
	wantETA(t, "a while later", n.left(5), 6, observe.PhaseSeal, observe.PhaseVerify)
	n.at(11, observe.Event{Kind: observe.Ended, Phase: observe.PhaseLoad, Elapsed: 11 * time.Second})
	wantETA(t, "between phases", n.left(11), 0, observe.PhaseSeal, observe.PhaseVerify)
	n.f.Live = true
	wantETA(t, "with changes to catch up with", n.left(11), 0, observe.PhaseCatchUp, observe.PhaseSeal, observe.PhaseVerify)
	n.at(12, observe.Event{Kind: observe.Started, Phase: observe.PhaseVerify})
	n.at(13, observe.Event{Kind: observe.Progress, Phase: observe.PhaseVerify, Done: 250, Total: 1000})
	n.at(14, observe.Event{Kind: observe.Progress, Phase: observe.PhaseVerify, Done: 500, Total: 1000})
	wantETA(t, "in the verification", n.left(14), 2)
}

// With an earlier run nothing is unknown, as long as the phases take no longer than then.
func TestForecastFromAnEarlierRun(t *testing.T) {
	t.Parallel()
	n := told{&observe.Forecast{Documents: 2000, Live: true, Before: observe.Pace{Documents: 1000, Seconds: map[observe.Phase]float64{
		observe.PhasePlan: 1, observe.PhaseLoad: 10, observe.PhaseCatchUp: 3, observe.PhaseSeal: 4, observe.PhaseVerify: 5,
	}}}, time.Now()}
	n.at(0, observe.Event{Kind: observe.Started, Phase: observe.PhaseLoad})
	wantETA(t, "before the first document", n.left(5), 15+3+8+10)
	n.at(6, observe.Event{Kind: observe.Progress, Phase: observe.PhaseLoad, Done: 500, Total: 2000}) // an earlier process's
	n.at(8, observe.Event{Kind: observe.Progress, Phase: observe.PhaseLoad, Done: 700, Total: 2000})
	wantETA(t, "slower than then", n.left(8), 13+3+8+10)
	n.at(21, observe.Event{Kind: observe.Ended, Phase: observe.PhaseLoad, Elapsed: 21 * time.Second})
	n.at(21, observe.Event{Kind: observe.Started, Phase: observe.PhaseCatchUp})
	n.at(22, observe.Event{Kind: observe.Lagging, Lag: &observe.Lag{Backlog: 600, Rate: 100}})
	wantETA(t, "with marks", n.left(22), 6+8+10)
	n.at(25, observe.Event{Kind: observe.Ended, Phase: observe.PhaseCatchUp, Elapsed: 4 * time.Second})
	n.at(25, observe.Event{Kind: observe.Started, Phase: observe.PhaseSeal})
	wantETA(t, "in the seal", n.left(27), 6+10)
	wantETA(t, "longer than then", n.left(40), 10, observe.PhaseSeal)
	if got := n.f.Measured(n.start.Add(30 * time.Second)); got[observe.PhaseLoad] != 21 || got[observe.PhaseSeal] != 5 {
		t.Errorf("measured %v", got)
	}
}

func TestETAThatNobodyRenews(t *testing.T) {
	t.Parallel()
	e := observe.ETA{Seconds: 10}
	wantETA(t, "after a while", e.After(4*time.Second, observe.PhaseSeal), 6)
	wantETA(t, "after too long", e.After(14*time.Second, observe.PhaseSeal), 0, observe.PhaseSeal)
}

// What others see of a run, and what stays of an error.
func TestDoing(t *testing.T) {
	t.Parallel()
	var d observe.Doing
	now := time.Now()
	d.Take(observe.Event{Kind: observe.Started, Phase: observe.PhaseLoad, At: now, ETA: &observe.ETA{Seconds: 9}})
	d.Take(observe.Event{Kind: observe.Waiting, Phase: observe.PhaseLoad, At: now, Text: "the target is full"})
	if d.Waiting != "the target is full" || d.ETA.Seconds != 9 {
		t.Errorf("%+v", d)
	}
	d.Take(observe.Event{Kind: observe.Progress, Phase: observe.PhaseLoad, At: now.Add(time.Second), Done: 3, Total: 9, ETA: &observe.ETA{Seconds: 7}})
	d.Take(observe.Event{Kind: observe.Ended, Phase: observe.PhaseLoad, At: now.Add(time.Second), Failed: "gone"})
	d.Take(observe.Event{Kind: observe.Started, Phase: observe.PhasePlan, At: now.Add(2 * time.Second)})
	if d.Error != "gone" || d.Waiting != "" || d.Done != 0 || d.Phase != observe.PhasePlan || !d.At.Equal(now.Add(2*time.Second)) {
		t.Errorf("%+v", d)
	}
}
