// Package protocol says which rules of catching up are obeyed. The product obeys all of them.
// Tests leave one out, to show that it is needed; which there are stands in package off, which
// only tests import.
package protocol

import "humpty/internal/protocol/off"

// Rules are the rules of catching up with changes. The zero value obeys them all.
type Rules struct{ off off.Rules }

// Without are the rules without some.
func Without(some off.Rules) Rules { return Rules{off: some} }

// SettlesBlind says that a dirty key is erased, whatever came to it after the round began.
func (r Rules) SettlesBlind() bool { return r.off.SettleBlind }

// SettlesUnseen says that what the read did not see is settled.
func (r Rules) SettlesUnseen() bool { return r.off.SettleUnseen }

// SettlesEarly says that a dirty key is settled before the verdict on the write.
func (r Rules) SettlesEarly() bool { return r.off.SettleEarly }

// SettlesUnflushed says that what the source may still take back is settled.
func (r Rules) SettlesUnflushed() bool { return r.off.SettleUnflushed }

// PassesFenceEarly says that a fence counts as passed when it is met.
func (r Rules) PassesFenceEarly() bool { return r.off.FenceEarly }

// HasOneVersion says that catch-up writes with the version of the load.
func (r Rules) HasOneVersion() bool { return r.off.OneVersion }

// EndsAtFence says that a handover ends at the first fence behind the swap.
func (r Rules) EndsAtFence() bool { return r.off.EndAtFence }

// EndsUnclean says that a handover ends although its last pass had something to read again.
func (r Rules) EndsUnclean() bool { return r.off.EndUnclean }

// TrustsUnknown says that a write without an answer, or a superseded one, counts as done.
func (r Rules) TrustsUnknown() bool { return r.off.TrustUnknown }

// SettlesUnknown says that a deletion is settled though an attempt of the document had no answer.
func (r Rules) SettlesUnknown() bool { return r.off.SettleUnknown }

// SettlesForgotten says that a deletion is settled though its primary was moved or restarted.
func (r Rules) SettlesForgotten() bool { return r.off.SettleForgotten }

// EndsInFlight says that a handover ends though what was sent may still land.
func (r Rules) EndsInFlight() bool { return r.off.EndInFlight }

// ForgetsWritten says that what an earlier process wrote behind the swap is ignored.
func (r Rules) ForgetsWritten() bool { return r.off.ForgetWritten }
