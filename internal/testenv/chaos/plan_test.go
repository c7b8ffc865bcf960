package chaos

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"humpty/projector"
)

// planOf is what a seed draws for the built program.
func planOf(p Place, seed uint64, mode projector.Writer) *Plan {
	plan, acts := p.draw(seed, mode)
	s := newMixedSchema(rand.New(rand.NewPCG(seed, uint64(mode[1]))), plan)
	plan.drawActs(acts, s)
	return plan
}

// Each trouble and each act is drawn by some seeds, and counted by its own name.
func TestSeedsDrawEveryKind(t *testing.T) {
	t.Parallel()
	drawn := map[string]bool{}
	for _, mode := range Modes() {
		for seed := range uint64(2000) {
			plan := planOf(Place{Troubles: Troubles()}, seed, mode)
			for _, trouble := range plan.Troubles {
				drawn[string(trouble)] = true
			}
			for _, a := range plan.Acts {
				if !slices.Contains(Kinds(), a.Kind) {
					t.Fatalf("%s is not counted", a.Kind)
				}
				drawn[a.Kind] = true
			}
		}
	}
	for _, trouble := range Troubles() {
		if !drawn[string(trouble)] {
			t.Errorf("no seed draws %s", trouble)
		}
	}
	for _, kind := range Kinds() {
		if may := mayEnd(kind); len(may.codes) > 0 && !drawn[kind] {
			t.Errorf("no seed draws %s", kind)
		}
	}
	if n, ok := newJournal().counts()[toggles]; n != 0 || !ok {
		t.Error("what never happened is not seen as 0")
	}
}

// A seed says all, and a trouble that is not allowed changes none of the others.
func TestPlansComeFromTheSeed(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		all := planOf(Place{Troubles: Troubles()}, seed, projector.WriterFollow)
		again := planOf(Place{Troubles: Troubles()}, seed, projector.WriterFollow)
		a, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(again)
		if err != nil {
			t.Fatal(err)
		}
		if string(a) != string(b) {
			t.Fatalf("seed %d:\n%s\n%s", seed, a, b)
		}
		less := planOf(Place{Troubles: []Trouble{Toggle, Identity}}, seed, projector.WriterFollow)
		for _, trouble := range []Trouble{Toggle, Identity} {
			if all.has(trouble) != less.has(trouble) {
				t.Errorf("seed %d: %s depends on what else is allowed", seed, trouble)
			}
		}
	}
}

// Only what was done explains how humpty ended, and only by the ends that it may have.
func TestEndsThatAreAccepted(t *testing.T) {
	t.Parallel()
	gap := "the replica identity of public.t1 was changed during the run"
	for name, c := range map[string]struct {
		kind string
		done bool
		end  *ending
		want bool
	}{
		"a gap after a poorer identity":         {identityPoorer, true, &ending{codeGap, gap}, true},
		"before it":                             {identityPoorer, false, &ending{codeGap, gap}, false},
		"with another code":                     {identityPoorer, true, &ending{codeFailed, gap}, false},
		"for another reason":                    {identityPoorer, true, &ending{codeGap, "the slot is gone"}, false},
		"a refusal after a topic was cut":       {logCut, true, &ending{codeRefused, "topic k0 begins at 12"}, true},
		"differences after a topic was cut":     {logCut, true, &ending{3, "begins at 12"}, false},
		"a gap after PostgreSQL died":           {crashed, true, &ending{codeGap, gap}, false},
		"an error that is not humpty's":         {identityPoorer, true, nil, false},
		"a gap after toggles, which are no act": {toggles, true, &ending{codeGap, gap}, false},
	} {
		a := &Act{Kind: c.kind}
		a.done.Store(c.done)
		if _, ok := (&Plan{Acts: []*Act{a}}).judge(c.end); ok != c.want {
			t.Errorf("%s: accepted: %t", name, ok)
		}
	}
}

func TestMetricsThatSayNothingIsDue(t *testing.T) {
	t.Parallel()
	page := `# TYPE humpty_source_lag_bytes gauge
humpty_source_lag_bytes{projection="chaos",generation="a-1"} 0
humpty_source_lag_bytes{projection="chaos",generation="a-2"} 0
humpty_source_lag_bytes{projection="chaos",generation="a-3"} 7
humpty_dirty_keys{projection="chaos",generation="a-1"} 0
humpty_dirty_keys{projection="chaos",generation="a-2"} 3
humpty_dirty_keys{projection="chaos",generation="a-3"} 0
humpty_last_told_timestamp_seconds{projection="chaos",generation="a-1"} 1.7000000005e+09
`
	told := make(chan caughtUp, 3)
	tellAll(page, told)
	if len(told) != 1 {
		t.Fatalf("%d generations are 0 behind", len(told))
	}
	if c := <-told; c.generation != "a-1" || !c.at.Equal(time.UnixMilli(1_700_000_000_500)) {
		t.Errorf("%+v", c)
	}
}
