package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"humpty/internal/canonjson"
	"humpty/projector/ledger"
	"humpty/sinks"
	"humpty/sources"
)

// Check is one comparison to be: fill in, then Run.
type Check struct {
	Source sources.Source // opened for each reading; may be nil if View is given
	View   sources.View   // what is read at first; opened from Source if nil
	Plan   sources.Plan   // how to read it
	Index  sinks.Index

	Level  Level            // Full if empty
	Budget time.Duration    // for Full: when it is used up, a sample is taken instead; 0: no limit
	Ignore *canonjson.Paths // fields that may differ; nil: none
	Exact  bool             // humpty alone wrote the index: compare bytes first

	// Refusals are documents that are known to be refused: they count as rejected, not as
	// missing or stale, for as long as the source has what was refused. Nil: none.
	Refusals *ledger.Refusals
	// Documents is how many the source has, where that is known; 0: it is counted.
	Documents int64

	Writes
	Output

	TempDir string // for temporary files; os.TempDir() if empty
	Batch   int    // bytes a reader takes at once; 1 MB if 0

	rules rules
}

// Writes says what may change on both sides while they are compared.
type Writes struct {
	Static     bool          // nothing
	SettleTime time.Duration // otherwise: how long a change may be on its way; 5 s if 0

	// CatchUp is in place of SettleTime where only the caller writes to the index, and only
	// in here: it returns when everything that was committed before has arrived, and tells
	// written, one call at a time, of all documents that it wrote.
	CatchUp func(ctx context.Context, written func(ids [][]byte)) error
}

// Output says what a comparison reports, and to whom.
type Output struct {
	Show     int                          // differences that the report names, with their fields
	Each     func(Difference) error       // told of every difference, one at a time; may be nil
	Progress func(documents, bytes int64) // of the index, so far; one call at a time; may be nil
}

// errBudget ends a full comparison that takes longer than it may.
var errBudget = errors.New("the budget is used up")

// Run compares. Differences are in the report; an error means that the comparison could
// not be made.
func (c *Check) Run(ctx context.Context) (Report, error) {
	k := &check{Check: *c}
	if k.Level == "" {
		k.Level = Full
	}
	if k.SettleTime <= 0 {
		k.SettleTime = 5 * time.Second
	}
	if k.Batch <= 0 {
		k.Batch = 1 << 20
	}
	if k.Ignore != nil {
		k.Exact = false
	}
	var report Report
	err := k.withView(ctx, k.View, func(view sources.View) (err error) {
		k.View = view
		report, err = k.run(ctx)
		return errors.Join(err, k.keyReader.Close(ctx))
	})
	report.At = time.Now().UTC()
	return report, err
}

// check is a Check on its way.
type check struct {
	Check
	canonical    bool // this pass compares canonical forms from the start
	keyReader    *KeyReader
	hasKeyReader bool  // both can be read by key
	average      int64 // bytes of a document of the index; 0: not known yet
}

// withView calls do with the view, or with a fresh one where there is none.
func (k *check) withView(ctx context.Context, view sources.View, do func(sources.View) error) error {
	if view != nil {
		return do(view)
	}
	view, err := k.Source.Open(ctx)
	if err != nil {
		return fmt.Errorf("open the source: %w", err)
	}
	err = do(view)
	return errors.Join(err, view.Close(context.WithoutCancel(ctx)))
}

func (k *check) run(ctx context.Context) (Report, error) {
	switch k.Level {
	case Count:
		return k.count(ctx)
	case Sample:
		return k.sample(ctx)
	}
	limited, cancel := ctx, context.CancelFunc(func() {})
	if k.Budget > 0 {
		limited, cancel = context.WithTimeoutCause(ctx, k.Budget, errBudget)
	}
	defer cancel()
	report, err := k.full(limited)
	if err == nil || ctx.Err() != nil || !errors.Is(context.Cause(limited), errBudget) {
		return report, err
	}
	report, err = k.sample(ctx)
	report.lower(Level(report.Level), Full, fmt.Sprintf("comparing everything did not end within its budget of %s", k.Budget))
	return report, err
}

// full compares everything, twice if the first pass could not tell spelling from meaning.
func (k *check) full(ctx context.Context) (Report, error) {
	if _, err := k.Index.Count(ctx); err != nil { // refreshes: a scan sees what a search sees
		return Report{}, fmt.Errorf("refresh the index: %w", err)
	}
	k.canonical = !k.Exact
	report, err := k.pass(ctx)
	if errors.Is(err, errSpelling) {
		k.canonical = true
		report, err = k.pass(ctx)
	}
	return report, err
}

func (k *check) pass(ctx context.Context) (report Report, err error) {
	s := &sides{
		check: k, source: k.newSideDigest(), index: k.newSideDigest(), rejected: newSpool(k.TempDir),
		held: &heldBack{refusals: k.Refusals},
	}
	candidates := newSpool(k.TempDir)
	defer func() {
		err = errors.Join(err, s.source.notes.close(), s.index.notes.close(), s.rejected.close(), candidates.close())
	}()
	if err := s.read(ctx); err != nil {
		return report, err
	}
	if s.docs > 0 {
		k.average = max(s.bytes/s.docs, 1)
	}
	if err := k.checkSourceCount(ctx, s.source.sums.documents()+s.rejected.records+s.held.inSource()); err != nil {
		return report, err
	}
	v := &verdict{check: k}
	v.report.Level, v.report.Documents = string(Full), s.source.sums.documents()
	if err := s.rejected.each(v.addRejected); err != nil {
		return report, err
	}
	err = findCandidates(s.source, s.index, k.rules, func(c candidate) error { return candidates.add(c.encode()) })
	if err != nil {
		return report, err
	}
	equal, heldErr := s.held.compare(v.addRejected, func(c candidate) error { return candidates.add(c.encode()) })
	if heldErr != nil {
		return report, heldErr
	}
	v.report.Documents += equal
	if candidates.records == 0 && !s.held.indexed() {
		v.report.Sum = newSum(k.canonical, k.Ignore, s.index.sums.total()).String()
	}
	if err := v.decide(ctx, candidates); err != nil {
		return report, err
	}
	v.judgeMoving(v.report.Documents)
	return v.finish(ctx)
}

func (k *check) newSideDigest() *digest {
	t := newDigest(k.TempDir)
	if k.rules.Notes > 0 {
		t.limit = k.rules.Notes
	}
	return t
}

// openKeyReader reads both sides by key: of the view if nothing moves, else as they are then.
func (k *check) openKeyReader() (*KeyReader, bool) {
	source := k.Source
	if k.Static {
		source = nil
	}
	if k.keyReader == nil {
		k.keyReader, k.hasKeyReader = NewKeyReader(k.Index, k.View, source, k.Ignore)
	}
	return k.keyReader, k.hasKeyReader
}

// keyBatchSize is how many keys are read in one call: many, since each call may open a view of
// its own, but few if documents are large.
func (k *check) keyBatchSize() int {
	bytes, most, least := int64(16<<20), int64(2000), int64(20)
	if _, replays := k.Source.(sources.Replayer); replays { // all events again for each call
		bytes, most = 128<<20, 100_000
	}
	if k.average == 0 {
		return 500
	}
	return int(min(max(bytes/k.average, least), most))
}

func (k *check) hasher() hasher {
	if !k.canonical {
		return hasher{rules: k.rules}
	}
	return hasher{form: &canonjson.Form{Ignore: k.Ignore}, rules: k.rules}
}

func (k *check) partitions() *partitions { return &partitions{k.View, k.Plan, k.Batch} }
