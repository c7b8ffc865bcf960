package verify

// rules are what tests may break, to see that they notice, or make small: see
// export_test.go. The zero value is how it is.
type rules struct {
	DropBucket int  // 1 + a bucket that is never opened
	SameLength bool // bodies of the same length look the same
	Sample     int  // size of a sample
	Notes      int  // bytes of notes in memory
}

func (r rules) blind(bucket int) bool { return r.DropBucket == bucket+1 }
