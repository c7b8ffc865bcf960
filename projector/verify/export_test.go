package verify

// Break makes a check wrong on purpose, or small enough for a test.
type Break = rules

// With returns the check under these rules.
func (c Check) With(r Break) *Check {
	c.rules = r
	return &c
}

// SampleSize is the size of a sample.
var SampleSize = sampleSize

// BucketOf is the bucket of an id.
func BucketOf(id string) int { return bucketOf([]byte(id)) }
