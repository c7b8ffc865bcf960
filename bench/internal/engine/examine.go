package engine

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"humpty/bench/internal/figure"
	"humpty/projector"
	"humpty/projector/repair"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources/postgres"
)

// What a process can be asked to do beside a rebuild.
const (
	Verify = "verify" // what the alias serves, in full
	Repair = "repair" // the same, and write what differs
	Fold   = "fold"   // events into the null sink
)

// verifyOrRepair verifies or repairs what the alias serves, and measures it.
func verifyOrRepair(ctx context.Context, s Spec) (Outcome, error) {
	m, err := s.model()
	if err != nil {
		return Outcome{}, err
	}
	source, err := postgres.New(m.source)
	if err != nil {
		return Outcome{}, err
	}
	w := newWatch(s, nil)
	target, err := s.target(ctx, w)
	if err != nil {
		return Outcome{}, err
	}
	m.projection.Verify.Level = projector.LevelFull
	o := Outcome{Figures: map[string]float64{}}
	e := repair.Verify{
		Projection: m.projection, Source: source, Target: target, Settle: s.Settle,
		Owner: sinks.Owner{Run: "bench-" + time.Now().UTC().Format("20060102t150405.000"), PID: os.Getpid(), Verb: s.Do},
		Observe: func(e report.Event) {
			if e.Kind == report.Ended {
				o.Figures["phase_"+strings.ReplaceAll(string(e.Phase), "-", "_")+"_s"] = e.Elapsed.Seconds()
			}
		},
	}
	before, servers := read(), w.servers()
	var finding repair.Result
	if s.Do == Verify {
		finding, err = e.Run(ctx)
	} else {
		do := repair.Repair{Verify: e, MaxDelete: -1, MaxStale: -1}
		finding, err = do.Run(ctx)
	}
	after, now := read(), w.servers()
	if err != nil {
		return Outcome{}, fmt.Errorf("%s %s: %w", s.Do, finding.Generation, err)
	}
	o.Finding, o.Seconds = finding, finding.Seconds
	after.add(o.Figures, before, finding.Verified.Documents)
	o.Figures[figure.OwnCPU] -= w.overhead
	o.Figures[figure.PostgresCPU], o.Figures[figure.SearchCPU] = now.postgres-servers.postgres, now.search-servers.search
	return o, nil
}
