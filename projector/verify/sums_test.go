package verify

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestSumsDoNotDependOnOrderOrSplit(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	var whole, left, right bucketSums
	for _, i := range rng.Perm(10_000) {
		whole.note(fmt.Append(nil, i), nil, fmt.Appendf(nil, "body %d", i))
	}
	for i := range 10_000 {
		side := &left
		if i%3 == 0 {
			side = &right
		}
		side.note(fmt.Append(nil, i), nil, fmt.Appendf(nil, "body %d", i))
	}
	left.merge(&right)
	if whole != left {
		t.Error("the same documents in another order, split in two, sum differently")
	}
	if whole.documents() != 10_000 {
		t.Errorf("%d documents", whole.documents())
	}
}

func TestSumsSeeEachKindOfDifference(t *testing.T) {
	t.Parallel()
	doc := func(s *bucketSums, id, routing, body string) {
		var r []byte
		if routing != "" {
			r = []byte(routing)
		}
		s.note([]byte(id), r, []byte(body))
	}
	for name, change := range map[string]func(a, b *bucketSums){
		"body":       func(a, b *bucketSums) { doc(a, "1", "", "x"); doc(b, "1", "", "y") },
		"id":         func(a, b *bucketSums) { doc(a, "1", "", "x"); doc(b, "2", "", "x") },
		"routing":    func(a, b *bucketSums) { doc(a, "1", "r", "x"); doc(b, "1", "s", "x") },
		"no routing": func(a, b *bucketSums) { doc(a, "1", "r", "x"); doc(b, "1", "", "x") },
		"missing":    func(a, _ *bucketSums) { doc(a, "1", "", "x") },
		"twice":      func(a, b *bucketSums) { doc(a, "1", "", "x"); doc(b, "1", "", "x"); doc(b, "1", "", "x") },
		"exchanged": func(a, b *bucketSums) {
			doc(a, "1", "", "x")
			doc(a, "2", "", "y")
			doc(b, "1", "", "y")
			doc(b, "2", "", "x")
		},
	} {
		var a, b bucketSums
		for i := range 100 {
			doc(&a, fmt.Sprint("same", i), "", "body")
			doc(&b, fmt.Sprint("same", i), "", "body")
		}
		if len(a.differing(&b)) != 0 {
			t.Fatal("equal sides differ")
		}
		change(&a, &b)
		if len(a.differing(&b)) == 0 {
			t.Errorf("%s: not seen", name)
		}
	}
}

func BenchmarkSums(b *testing.B) {
	var s bucketSums
	id, body := []byte("1234567"), make([]byte, 1730)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		s.note(id, nil, body)
	}
}

func (s *bucketSums) note(id, routing, body []byte) {
	bucket, hash := fingerprint(id, effectiveRouting(id, routing), body, 0)
	s.add(bucket, hash)
}

func (s *bucketSums) differing(other *bucketSums) (buckets []int) {
	for i := range s {
		if s[i] != other[i] {
			buckets = append(buckets, i)
		}
	}
	return buckets
}
