package verify_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"humpty/internal/canonjson"
	"humpty/projector/ledger"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sinks/sinktest"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// stage is a source, and an index that is equal to it until a test changes one of them.
type stage struct {
	source *sourcetest.MemorySource
	target *sinktest.MemoryTarget
	index  sinks.Index
}

func setup(t *testing.T, documents int) *stage {
	t.Helper()
	s := &stage{source: &sourcetest.MemorySource{Page: 64}, target: &sinktest.MemoryTarget{Name: "orders"}}
	index, err := s.target.Create(t.Context(), sinks.Generation{Name: "orders-1"})
	if err != nil {
		t.Fatal(err)
	}
	s.index = index
	for i := range documents {
		r := sources.Record{Key: fmt.Appendf(nil, "%d", i), Value: body(i, "first")}
		if i%10 == 0 {
			r.Routing = fmt.Appendf(nil, "r%d", i%7)
		}
		s.source.Records = append(s.source.Records, r)
		s.write(t, string(r.Key), string(r.Routing), r.Value)
	}
	t.Cleanup(func() {
		if views, readers := s.source.Views.Load(), s.source.Reading.Load(); views != 0 || readers != 0 {
			t.Errorf("left on the source: %d views, %d readers", views, readers)
		}
	})
	return s
}

func body(i int, note string) []byte {
	return fmt.Appendf(nil, `{"id":%d,"note":%q,"lines":[{"price":%d.50,"views":1}]}`, i, note, i)
}

// write puts a document into the index; no body deletes it.
func (s *stage) write(t *testing.T, id, routing string, body []byte) {
	t.Helper()
	d := sinks.Document{ID: []byte(id), Body: body}
	if routing != "" {
		d.Routing = []byte(routing)
	}
	if _, err := s.index.Write(t.Context(), []sinks.Document{d}, make([]sinks.Verdict, 1)); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) check(t *testing.T) verify.Check {
	t.Helper()
	plan, err := s.source.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return verify.Check{Source: s.source, Plan: plan, Index: s.index, Exact: true, TempDir: t.TempDir(), Writes: verify.Writes{Static: true}, Output: verify.Output{Show: 10}}
}

// run returns the report and every difference by id.
func run(t *testing.T, c *verify.Check) (verify.Report, map[string]verify.Kind, error) {
	t.Helper()
	found := map[string]verify.Kind{}
	c.Each = func(d verify.Difference) error {
		id := d.ID
		if d.Routing != "" {
			id += "@" + d.Routing
		}
		if _, twice := found[id]; twice {
			return fmt.Errorf("%s was named twice", id)
		}
		found[id] = d.Kind
		return nil
	}
	report, err := c.Run(t.Context())
	return report, found, err
}

// drift plants differences of each kind at random and returns them.
func (s *stage) drift(t *testing.T, rng *rand.Rand, n int) map[string]verify.Kind {
	t.Helper()
	planted := map[string]verify.Kind{}
	for _, i := range rng.Perm(len(s.source.Records))[:n] {
		r := s.source.Records[i]
		id, routing := string(r.Key), string(r.Routing)
		named := id
		if routing != "" {
			named += "@" + routing
		}
		switch rng.IntN(4) {
		case 0:
			s.write(t, id, routing, nil)
			planted[named] = verify.Missing
		case 1: // one character
			s.write(t, id, routing, []byte(strings.Replace(string(r.Value), "first", "firsT", 1)))
			planted[named] = verify.Stale
		case 2: // the body of another
			other := s.source.Records[(i+1)%len(s.source.Records)]
			s.write(t, id, routing, other.Value)
			planted[named] = verify.Stale
		case 3:
			s.write(t, "x"+id, routing, r.Value)
			planted["x"+named] = verify.Extra
		}
	}
	return planted
}

func TestDriftIsFoundExactly(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 3))
			s := setup(t, 2000)
			planted := s.drift(t, rng, rng.IntN(300))
			c := s.check(t)
			c.Exact = seed%2 == 0
			report, found, err := run(t, c.With(verify.Break{Notes: []int{0, 1000, 30_000}[seed%3]}))
			if err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(found, planted) {
				t.Errorf("found %d differences, planted %d:\n%v\n%v", len(found), len(planted), found, planted)
			}
			count := map[verify.Kind]int64{}
			for _, k := range planted {
				count[k]++
			}
			if report.Missing != count[verify.Missing] || report.Stale != count[verify.Stale] || report.Extra != count[verify.Extra] {
				t.Errorf("report %+v, planted %v", report.Verification, count)
			}
			if report.Documents != 2000 || report.Level != "full" || len(report.First) != min(len(planted), 10) {
				t.Errorf("report %+v with %d named", report.Verification, len(report.First))
			}
		})
	}
}

// TestBrokenComparisonIsNoticed breaks the comparison itself: the test above must fail then.
func TestBrokenComparisonIsNoticed(t *testing.T) {
	t.Parallel()
	s := setup(t, 500)
	planted := s.drift(t, rand.New(rand.NewPCG(1, 1)), 200)
	for name, broken := range map[string]verify.Break{
		"none":               {},
		"a dropped bucket":   {DropBucket: 1 + verify.BucketOf("42")},
		"only lengths count": {SameLength: true},
	} {
		s.write(t, "42", "", []byte(`{"drift":"here"}`))
		planted["42"] = verify.Stale
		c := s.check(t)
		_, found, err := run(t, c.With(broken))
		if err != nil {
			t.Fatal(err)
		}
		if right := maps.Equal(found, planted); right != (name == "none") {
			t.Errorf("%s: the comparison looks right: %v", name, right)
		}
	}
}

func TestEqualSidesDoNotDiffer(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 1000} {
		s := setup(t, n)
		c := s.check(t)
		report, found, err := run(t, &c)
		if err != nil || len(found) != 0 || report.Differs() || report.Documents != int64(n) {
			t.Errorf("%d documents: %v, %v, %+v", n, err, found, report.Verification)
		}
	}
}

func TestOneCharacterIsNamedWithItsField(t *testing.T) {
	t.Parallel()
	s := setup(t, 300)
	s.write(t, "42", "", body(42, "firsT"))
	c := s.check(t)
	report, _, err := run(t, &c)
	if err != nil || len(report.First) != 1 {
		t.Fatalf("%v, %+v", err, report)
	}
	want := "document 42: stale\n    note: want \"first\", have \"firsT\""
	if got := report.First[0].String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// respelled is a document as an application might write it.
func respelled(i int) []byte {
	return fmt.Appendf(nil, `{ "lines":[{"views":1.0, "price":%d.5}], "note":"\u0066irst","id":%d}`, i, i)
}

func TestSpellingIsNoDifference(t *testing.T) {
	t.Parallel()
	for _, exact := range []bool{true, false} {
		s := setup(t, 300)
		for _, i := range []int{3, 7, 201} {
			s.write(t, fmt.Sprint(i), "", respelled(i))
		}
		s.write(t, "9", "", []byte(strings.Replace(string(respelled(9)), "irst", "irsT", 1)))
		c := s.check(t)
		c.Exact = exact
		_, found, err := run(t, &c)
		if err != nil || !maps.Equal(found, map[string]verify.Kind{"9": verify.Stale}) {
			t.Errorf("exact %v: %v, %v", exact, err, found)
		}
	}
}

// plain hides what an index and a view can do beside their contracts.
type plain struct{ sinks.Index }

type plainSource struct{ sources.Source }

func (p plainSource) Open(ctx context.Context) (sources.View, error) {
	v, err := p.Source.Open(ctx)
	return struct{ sources.View }{v}, err
}

func TestSpellingWithoutReadingByKey(t *testing.T) {
	t.Parallel()
	s := setup(t, 300)
	s.write(t, "3", "", respelled(3))
	s.write(t, "4", "", body(4, "other"))
	c := s.check(t)
	c.Index, c.Source = plain{s.index}, plainSource{s.source}
	report, found, err := run(t, &c)
	if err != nil || !maps.Equal(found, map[string]verify.Kind{"4": verify.Stale}) || len(report.First) != 1 {
		t.Errorf("%v, %v", err, found)
	}
	c.Level = verify.Sample
	if report, err := c.Run(t.Context()); err != nil || report.Level != "count" || report.Asked != "sample" || report.Why == "" {
		t.Errorf("%v, %+v", err, report.Verification)
	}
}

func TestIgnoredFieldsMayDiffer(t *testing.T) {
	t.Parallel()
	s := setup(t, 100)
	s.write(t, "3", "", []byte(strings.Replace(string(body(3, "first")), `"views":1`, `"views":900`, 1)))
	s.write(t, "4", "", body(4, "other"))
	c := s.check(t)
	var err error
	if c.Ignore, err = canonjson.ParsePaths([]string{"lines.views"}); err != nil {
		t.Fatal(err)
	}
	if _, found, err := run(t, &c); err != nil || !maps.Equal(found, map[string]verify.Kind{"4": verify.Stale}) {
		t.Errorf("%v, %v", err, found)
	}
}

func TestRoutingIsPartOfADocument(t *testing.T) {
	t.Parallel()
	s := setup(t, 100)
	r := s.source.Records[10]
	s.write(t, string(r.Key), "elsewhere", r.Value)
	c := s.check(t)
	_, found, err := run(t, &c)
	want := map[string]verify.Kind{"10@" + string(r.Routing): verify.Missing, "10@elsewhere": verify.Extra}
	if err != nil || !maps.Equal(found, want) {
		t.Errorf("%v, %v", err, found)
	}
}

func TestKnownRejectionsAreNotMissing(t *testing.T) {
	t.Parallel()
	s := setup(t, 100)
	s.write(t, "5", "", nil)
	s.source.Put(sources.Record{Key: []byte("nan"), Reject: "NaN"})
	c := s.check(t)
	c.Refusals = ledger.NewRefusals(ledger.Rejection{ID: "5", Document: ledger.DocumentSum(body(5, "first"))})
	report, found, err := run(t, &c)
	want := map[string]verify.Kind{"5": verify.Rejected, "nan": verify.Rejected}
	if err != nil || !maps.Equal(found, want) || report.Differs() || report.Rejected != 2 {
		t.Errorf("%v, %v, %+v", err, found, report.Verification)
	}
	if len(report.First) != 2 || report.First[0].String() != "document 5: rejected" || report.First[1].String() != "document nan: rejected" {
		t.Errorf("named are %v", report.First)
	}
}

func TestSourceWithAKeyTwiceIsRefused(t *testing.T) {
	t.Parallel()
	s := setup(t, 10)
	s.source.Records = append(s.source.Records, s.source.Records[3])
	c := s.check(t)
	if _, _, err := run(t, &c); err == nil || !strings.Contains(err.Error(), "document 3 comes twice from the source") {
		t.Errorf("error %v", err)
	}
}

func TestManyDifferencesStayOutOfMemory(t *testing.T) {
	t.Parallel()
	s := setup(t, 0)
	const n = 60_000
	for i := range n {
		s.source.Records = append(s.source.Records, sources.Record{Key: fmt.Appendf(nil, "%d", i), Value: []byte("{}")})
	}
	c := s.check(t)
	left := 0
	c.Each = func(verify.Difference) error { left++; return nil }
	report, err := c.With(verify.Break{Notes: 10_000}).Run(t.Context())
	if err != nil || report.Missing != n || left != n || len(report.First) != 10 {
		t.Errorf("%v, %+v, %d named", err, report.Verification, left)
	}
	if files, _ := os.ReadDir(c.TempDir); len(files) != 0 {
		t.Errorf("left in the folder: %v", files)
	}
}

func TestUnwritableFolderIsExplained(t *testing.T) {
	t.Parallel()
	s := setup(t, 1000)
	c := s.check(t)
	c.TempDir += "/none"
	_, err := c.With(verify.Break{Notes: 10}).Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "TMPDIR") {
		t.Errorf("error %v", err)
	}
}

func TestCountLevel(t *testing.T) {
	t.Parallel()
	for _, hide := range []bool{false, true} {
		s := setup(t, 100)
		s.write(t, "5", "", nil)
		s.write(t, "6", "", body(6, "other"))
		c := s.check(t)
		c.Level = verify.Count
		if hide {
			c.Source = plainSource{s.source}
		}
		report, err := c.Run(t.Context())
		if err != nil || report.Missing != 1 || report.Stale != 0 || report.Level != "count" || report.Documents != 100 {
			t.Errorf("%v, %+v", err, report.Verification)
		}
	}
}

func TestSampleSize(t *testing.T) {
	t.Parallel()
	if n := verify.SampleSize(0.999, 1.0/10_000); n != 69_075 {
		t.Errorf("%d", n)
	}
}

func TestSampleFindsWidespreadDrift(t *testing.T) {
	t.Parallel()
	s := setup(t, 3000)
	c := s.check(t)
	c.Level = verify.Sample
	report, err := c.With(verify.Break{Sample: 500}).Run(t.Context())
	if err != nil || report.Differs() || report.Level != "sample" || report.Sampled < 500 || report.Sampled > 700 ||
		report.Proves != "with 99.9% probability fewer than 1 in 10,000 differ" {
		t.Errorf("%v, %+v", err, report.Verification)
	}
	if report, err = c.Run(t.Context()); err != nil || report.Level != "full" || report.Asked != "sample" {
		t.Errorf("fewer than a sample: %v, %+v", err, report.Verification)
	}
	for i := range 1000 {
		s.write(t, fmt.Sprint(3*i), string(s.source.Records[3*i].Routing), body(i, "other"))
	}
	s.write(t, "1", "", nil)
	report, err = c.With(verify.Break{Sample: 500}).Run(t.Context())
	if err != nil || report.Stale < 80 || report.Missing != 1 || report.Proves != "" || len(report.First) != 10 || len(report.First[0].Fields) == 0 {
		t.Errorf("%v, %+v", err, report)
	}
}

func TestBudgetFallsBackToASample(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := setup(t, 1000)
		s.source.Fault = func(string, int) error { <-time.After(time.Second); return nil }
		c := s.check(t)
		c.Budget = time.Minute
		report, err := c.With(verify.Break{Sample: 100}).Run(t.Context())
		if err != nil || report.Level != "sample" || report.Asked != "full" || !strings.Contains(report.Why, "budget of 1m0s") || report.Proves == "" {
			t.Errorf("%v, %+v", err, report.Verification)
		}
	})
}

func TestFailuresAreReturned(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	s := setup(t, 100)
	s.source.Fault = func(_ string, at int) error {
		if at == 50 {
			return boom
		}
		return nil
	}
	c := s.check(t)
	if _, err := c.Run(t.Context()); !errors.Is(err, boom) || !strings.Contains(err.Error(), "read partition memory/") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestMovingKeysAreNoDifferences(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := setup(t, 200)
		c := s.check(t)
		c.Static, c.Exact = false, false
		s.write(t, "1", "", body(1, "behind"))       // arrives before the second reading
		s.write(t, "2", "", body(2, "truly stale"))  // never arrives
		s.write(t, "3", "", body(3, "hot"))          // changes all the time
		s.write(t, "4", "", nil)                     // arrives after two rounds, changing between
		s.write(t, "gone", "", body(4, "to delete")) // deleted later
		waits := 0
		c.CatchUp = func(context.Context, func([][]byte)) error {
			waits++
			s.write(t, "1", "", body(1, "first"))
			s.write(t, "3", "", body(3, fmt.Sprint("hot ", waits)))
			s.write(t, "4", "", body(4, "half"))
			if waits == 2 {
				s.write(t, "4", "", body(4, "first"))
				s.write(t, "gone", "", nil)
			}
			if waits == 1 {
				s.write(t, "gone", "", body(4, "changed"))
			}
			return nil
		}
		report, found, err := run(t, &c)
		if err != nil || !maps.Equal(found, map[string]verify.Kind{"2": verify.Stale}) {
			t.Fatalf("%v, %v", err, found)
		}
		if report.Moved != 3 || report.Moving != 1 || !slices.Equal(report.MovingIDs, []string{"3"}) || waits != 20 || report.Level != "partial" {
			t.Errorf("%+v, %d waits", report.Verification, waits)
		}
	})
}

func TestSettleWaitsByTheClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := setup(t, 20)
		s.write(t, "2", "", body(2, "stale"))
		c := s.check(t)
		c.Static, c.SettleTime = false, 7*time.Second
		began := time.Now()
		if _, found, err := run(t, &c); err != nil || len(found) != 1 || time.Since(began) != 7*time.Second {
			t.Errorf("%v, %v, after %v", err, found, time.Since(began))
		}
	})
}

// A document that is known to be refused is neither missing nor stale, for as long as the
// source has what was refused: any other state of it is a difference.
func TestRefusedDocumentsAreAccountedFor(t *testing.T) {
	t.Parallel()
	for _, level := range []verify.Level{verify.Full, verify.Sample, verify.Count} {
		t.Run(string(level), func(t *testing.T) {
			t.Parallel()
			s := setup(t, 200)
			known := func(i int, note string) ledger.Rejection {
				return ledger.Rejection{ID: fmt.Sprint(i), Type: "mapping", Document: ledger.DocumentSum(body(i, note))}
			}
			s.write(t, "1", "", nil)              // refused and never there
			s.write(t, "2", "", body(2, "older")) // refused: an older one is served
			s.write(t, "3", "", body(3, "first")) // put right meanwhile
			s.source.Records[4].Value = nil       // the source cannot make it
			s.source.Records[4].Reject = "NaN"    //
			refusals := []ledger.Rejection{known(1, "first"), known(2, "first"), known(3, "first"), {ID: "4", Type: ledger.RejectedBySource}}
			c := s.check(t)
			c.Level, c.Refusals = level, ledger.NewRefusals(refusals...)
			report, found, err := run(t, &c)
			if err != nil || report.Differs() {
				t.Fatalf("%+v, %v, %v", report, found, err)
			}
			if level != verify.Count && report.Rejected != 3 || level == verify.Count && report.Rejected != 4 {
				t.Errorf("%d are refused", report.Rejected)
			}
			if level != verify.Full {
				return
			}
			want := map[string]verify.Kind{"1": verify.Rejected, "2": verify.Rejected, "4": verify.Rejected}
			if !maps.Equal(found, want) {
				t.Errorf("found %v", found)
			}
			s.write(t, "6", "", nil)                    // lost, and nobody knows
			s.source.Records[1].Value = body(1, "next") // changed since it was refused
			s.source.Records[2].Value = body(2, "next")
			s.source.Records = slices.Delete(s.source.Records, 4, 5) // deleted, and the old one is served
			report, found, err = run(t, &c)
			want = map[string]verify.Kind{"1": verify.Missing, "2": verify.Stale, "4": verify.Extra, "6": verify.Missing}
			if err != nil || !maps.Equal(found, want) || report.Missing != 2 || report.Stale != 1 || report.Extra != 1 || report.Rejected != 0 {
				t.Errorf("%+v, %v, %v", report, found, err)
			}
		})
	}
}
