package strain

import "context"

// Attempts is what an Index can do beside: say what is still under way in the target. A
// bulk goes on there after its client gave up or died.
type Attempts interface {
	// InFlight counts the requests of humpty's, of any run, that the target works on for
	// this index now. What a proxy still holds is not seen.
	InFlight(ctx context.Context) (int, error)
}
