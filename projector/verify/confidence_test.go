package verify_test

import (
	"fmt"
	"math"
	"testing"

	"humpty/projector/verify"
)

// TestSampleSizeIsTheSmallest that misses a share of p with a probability of 1-c at most.
func TestSampleSizeIsTheSmallest(t *testing.T) {
	t.Parallel()
	for _, c := range []float64{0.5, 0.9, 0.99, 0.999} {
		for _, p := range []float64{0.1, 0.01, 0.0001} {
			n := float64(verify.SampleSize(c, p))
			if missed, fewer := math.Pow(1-p, n), math.Pow(1-p, n-1); missed > 1-c || fewer <= 1-c {
				t.Errorf("confidence %g, share %g: %g documents miss with %g, one less with %g", c, p, n, missed, fewer)
			}
		}
	}
}

// TestSampleKeepsItsConfidence: of many samples of an index of which 5% differ, no larger
// part finds nothing than the confidence leaves. What is allowed is so far above what is to
// be expected that chance alone does not fail the test in a billion years.
func TestSampleKeepsItsConfidence(t *testing.T) {
	t.Parallel()
	const documents, wrong, times = 600, 30, 150
	s := setup(t, documents)
	for i := range wrong {
		at := i * (documents / wrong)
		s.write(t, fmt.Sprint(at), string(s.source.Records[at].Routing), body(at, "other"))
	}
	for confidence, allowed := range map[float64]int{0.5: times / 2, 0.9: times / 5} {
		n := verify.SampleSize(confidence, float64(wrong)/documents)
		missed, found := 0, int64(0)
		for range times {
			c := s.check(t)
			c.Level, c.Documents = verify.Sample, documents
			report, err := c.With(verify.Break{Sample: n}).Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			found += report.Stale
			switch {
			case !report.Differs():
				missed++
			case report.Proves != "":
				t.Errorf("%d differ, and yet %s", report.Stale, report.Proves)
			}
		}
		if missed > allowed || found < times*int64(n)*wrong/documents/2 {
			t.Errorf("confidence %g by %d documents: %d of %d samples found nothing, %d differences in all", confidence, n, missed, times, found)
		}
		t.Logf("confidence %g by %d documents: %d of %d samples found nothing", confidence, n, missed, times)
	}
}
