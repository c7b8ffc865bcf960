package result

import (
	"fmt"
	"math"
	"slices"
)

// Estimate is the median of repeated measurements, and where the true one lies.
//
// The interval is the distribution-free one between two order statistics: it holds the
// true median with probability 1 − 2·P(Bin(n, ½) < k) whatever the noise looks like, for
// the narrowest k that reaches 95 %. Fewer than six values cannot reach it; then the
// interval is smallest to largest, and Coverage says what that is worth (75 % for three).
type Estimate struct {
	Median   float64 `json:"median"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Coverage float64 `json:"coverage"` // probability that low…high holds the true median
	N        int     `json:"n"`
}

// confidence that an interval has where there are values enough.
const confidence = 0.95

// EstimateOf is the zero Estimate without values.
func EstimateOf(values []float64) Estimate {
	n := len(values)
	if n == 0 {
		return Estimate{}
	}
	v := slices.Sorted(slices.Values(values))
	k := 1
	for k < (n+1)/2 && coverage(n, k+1) >= confidence {
		k++
	}
	return Estimate{Median: median(v), Low: v[k-1], High: v[n-k], Coverage: max(coverage(n, k), 0), N: n}
}

func median(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// coverage of the interval from the k-th smallest to the k-th largest of n.
func coverage(n, k int) float64 {
	tail, choose := 0.0, 1.0 // C(n, i)
	for i := range k {
		tail += choose
		choose *= float64(n-i) / float64(i+1)
	}
	return 1 - 2*tail*math.Pow(0.5, float64(n))
}

// Disjoint reports whether the intervals of a and b have nothing in common: the
// difference between them is more than their noise.
func Disjoint(a, b Estimate) bool { return a.High < b.Low || b.High < a.Low }

// String is median (low–high).
func (e Estimate) String() string {
	if e.N == 0 {
		return "–"
	}
	if e.N == 1 {
		return number(e.Median)
	}
	return fmt.Sprintf("%s (%s–%s)", number(e.Median), number(e.Low), number(e.High))
}

// number has three digits that count.
func number(f float64) string {
	switch a := math.Abs(f); {
	case a >= 100:
		return fmt.Sprintf("%.0f", f)
	case a >= 10:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}

// Quantile is the q-th (0…1) of values by the nearest rank; 0 without values.
func Quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(q*float64(len(v)))) - 1
	return v[min(max(rank, 0), len(v)-1)]
}
