// Package off has a switch for each rule of the protocol, for tests: no file of the product
// but package protocol imports it, which depguard sees to.
package off

// Rules are the rules that are not obeyed.
type Rules struct {
	SettleBlind     bool // erase a dirty key, whatever came to it after the round began
	SettleUnseen    bool // settle what the read did not see
	SettleEarly     bool // settle before the write's verdict
	SettleUnflushed bool // settle what the source has not flushed, and may take back
	FenceEarly      bool // take the fence for passed when it is met
	OneVersion      bool // write catch-up with the version of the load

	SettleUnknown   bool // settle a deletion though an attempt of the document had no answer
	SettleForgotten bool // settle a deletion though its primary was moved or restarted

	EndAtFence    bool // end a handover at the first fence behind the swap
	EndUnclean    bool // end it although the last pass had something to read again
	TrustUnknown  bool // take a write without an answer, or a superseded one, for done
	EndInFlight   bool // end a handover though what was sent may still land: the writer keeps its name
	ForgetWritten bool // ignore what an earlier process wrote behind the swap
}
