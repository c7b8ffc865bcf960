package strain

// Refusals is what an Index can do beside: say at once that the target is full. The receipt
// of a Write says so too, but only when it has its verdicts, and that takes long where the
// target is full.
type Refusals interface {
	// Refused counts the requests of this process that the target refused for being full,
	// as a whole or in part, with those that are still tried. It is cheap.
	Refused() int64
}
