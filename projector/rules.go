package projector

// rules can switch off single rules of the catch-up protocol. The product never does:
// only tests reach it, to show that each rule is needed.
type rules struct {
	settleBlind  bool // erase a mark, whatever came to it after the round began
	settleUnseen bool // settle what the read did not see
	settleEarly  bool // settle before the write's verdict
	fenceEarly   bool // take the fence for passed when it is met
	oneVersion   bool // write catch-up with the version of the load
}
