package catchup

// rules can switch off single rules of the catch-up protocol. The product never does:
// only tests reach it, to show that each rule is needed.
type rules struct {
	settleBlind  bool // erase a mark, whatever came to it after the round began
	settleUnseen bool // settle what the read did not see
	settleEarly  bool // settle before the write's verdict
	fenceEarly   bool // take the fence for passed when it is met
	oneVersion   bool // write catch-up with the version of the load

	endAtFence    bool // end a handover at the first fence behind the swap
	endUnclean    bool // end it although the last pass had something to read again
	trustUnknown  bool // take a write without an answer, or a superseded one, for done
	hurry         bool // end a handover though writes are under way in the target
	forgetTouched bool // ignore what an earlier process wrote behind the swap
}
