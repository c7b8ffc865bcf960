package pgjson

import (
	"math"
	"strconv"
	"testing"
)

func TestCivil(t *testing.T) {
	t.Parallel()
	for days := int64(-12_000_000); days <= 11_000_000; days += 97 {
		y, m, d := civil(days)
		if fy, fm, fd := farCivil(days); y != fy || m != fm || d != fd {
			t.Fatalf("day %d: %d-%d-%d, want %d-%d-%d", days, y, m, d, fy, fm, fd)
		}
	}
}

func TestInt(t *testing.T) {
	t.Parallel()
	values := []int64{0, math.MinInt64, math.MaxInt64, math.MinInt32, math.MaxInt32, math.MaxUint32}
	for p := int64(1); p <= 1e18; p *= 10 {
		values = append(values, p-1, p, p+1, -p, 1-p, 7*p+3, -3*p-9)
	}
	for v := int64(0); v < 30_000; v++ {
		values = append(values, v, 3331*v+7)
	}
	for _, v := range values {
		if got := string(appendInt([]byte("x"), v)); got != "x"+strconv.FormatInt(v, 10) {
			t.Fatalf("%d became %s", v, got)
		}
	}
}
