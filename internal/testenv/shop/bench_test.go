package shop

import (
	"testing"

	"humpty/internal/testenv/devstack"
)

// BenchmarkRows makes the rows without sending them: the ceiling of Seed on one core.
func BenchmarkRows(b *testing.B) {
	for _, shape := range []Shape{Plain, Rich} {
		b.Run(string(shape), func(b *testing.B) {
			g := &rowMaker{options: Options{Orders: 200_000, Shape: shape}}
			b.ReportAllocs()
			bytes, i := 0, 0
			for b.Loop() {
				g.orders.buf, g.lines.buf = g.orders.buf[:0], g.lines.buf[:0]
				g.order(i)
				bytes += len(g.orders.buf) + len(g.lines.buf)
				i++
			}
			b.SetBytes(int64(bytes / i))
		})
	}
}

func BenchmarkSeed(b *testing.B) {
	dsn := devstack.Postgres(b)
	for b.Loop() {
		if _, err := Seed(b.Context(), dsn, Options{Orders: 50_000}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*50_000/b.Elapsed().Seconds(), "orders/s")
}

func BenchmarkCompare(b *testing.B) {
	dsn := devstack.Postgres(b)
	if _, err := Seed(b.Context(), dsn, Options{Orders: 20_000}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Compare(b.Context(), dsn, Plain, shelf{}, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*20_000/b.Elapsed().Seconds(), "docs/s")
}

func BenchmarkDigest(b *testing.B) {
	line := `{"l_orderkey":1,"l_linenumber":1,"l_partname":"hand-made glass armchair","l_quantity":1,"l_extendedprice":202.80,"l_shipdate":"2023-08-20"}`
	document := []byte(`{"o_orderkey":1,"o_totalprice":41438.37,"o_comment":"carry it up","lines":[` + line + "," + line + "," + line + "," + line + `]}`)
	for name, s := range map[string]summer{"bytes": new(bytesSum), "parsed": parsedSum{}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(document)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.sum(document); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
