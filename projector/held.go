package projector

import (
	"context"

	"humpty/projector/verify"
)

// heldBytes is how much of what the verification read a repair keeps to write it without
// reading it again.
const heldBytes = 32 << 20

// hold keeps what decided that a document differs, while there is room. Writing it later
// is as safe as writing it at once: an index that serves is amended only if the document
// still is what was read, and what was written is read again in any case.
func (f *fixing) hold(r *verify.Reading) bool {
	if r == nil || f.heldBytes+len(r.Want) > heldBytes {
		return false
	}
	if r.Have != nil {
		r.Have = []byte{} // that it is there is all that writing asks
	}
	f.held, f.heldBytes = append(f.held, *r), f.heldBytes+len(r.Want)
	return true
}

// fixHeld writes what was held, as fix does what it reads.
func (f *fixing) fixHeld(ctx context.Context, left *verify.List) error {
	for size := max(f.finding.Verified.KeyBatch, 1); len(f.held) > 0; {
		some := f.held[:min(size, len(f.held))]
		if err := f.amend(ctx, some, left); err != nil {
			return err
		}
		f.held = f.held[len(some):]
	}
	f.held = nil
	return nil
}
