package verify

// List keeps differences, in memory while they are few and in a temporary file beyond.
// It is for one goroutine.
type List struct{ spool *spool }

// NewList makes an empty list; folder is for the file, os.TempDir() if empty.
func NewList(folder string) *List { return &List{spool: newSpool(folder)} }

// Add appends one difference.
func (l *List) Add(d Difference) error {
	key := appendKey(append(make([]byte, 0, 64), d.Kind[0]), []byte(d.ID), []byte(d.Routing))
	return l.spool.add(key)
}

// Len is how many there are.
func (l *List) Len() int64 { return l.spool.records }

// Batches calls fn with all differences in their order, at most size at once; fn may not
// keep them.
func (l *List) Batches(size int, fn func([]Difference) error) error {
	var some []Difference
	err := l.spool.each(func(record []byte) error {
		id, routing, _ := splitKey(record[1:])
		some = append(some, Difference{ID: string(id), Routing: string(routing), Kind: kindByLetter(record[0])})
		if len(some) < size {
			return nil
		}
		defer func() { some = some[:0] }()
		return fn(some)
	})
	if err != nil || len(some) == 0 {
		return err
	}
	return fn(some)
}

// Close removes the file.
func (l *List) Close() error { return l.spool.close() }

// kindByLetter finds a kind by its first letter.
func kindByLetter(letter byte) Kind {
	for _, kind := range []Kind{Missing, Stale, Extra, Rejected} {
		if kind[0] == letter {
			return kind
		}
	}
	return ""
}
