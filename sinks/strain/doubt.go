package strain

import "context"

// Doubt is in the error of a Seal, or of a Witness, that found that servers died since the
// generation was made, so that writes which they had confirmed may be undone. Who means to
// compare every document with its source notes Meta.Doubted, and seals again.
type Doubt struct{}

func (*Doubt) Error() string { return "documents that it had acknowledged may be gone" }

// Witness is what an Index can do beside: say, before it is sealed, whether it may have lost
// what it confirmed. It is asked at the end of each phase that writes.
type Witness interface {
	// Intact is an error with a Doubt if a server died since the generation was made; nil if
	// none did, or if Meta.Doubted says that it is known.
	Intact(ctx context.Context) error
}
