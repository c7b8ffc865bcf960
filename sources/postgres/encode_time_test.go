package postgres

import "testing"

func TestCivil(t *testing.T) {
	t.Parallel()
	for days := int64(-12_000_000); days <= 11_000_000; days += 97 {
		y, m, d := civil(days)
		if fy, fm, fd := farCivil(days); y != fy || m != fm || d != fd {
			t.Fatalf("day %d: %d-%d-%d, want %d-%d-%d", days, y, m, d, fy, fm, fd)
		}
	}
}
