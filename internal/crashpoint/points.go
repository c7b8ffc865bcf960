package crashpoint

// Points are all there are, in the order in which a run comes by. A test holds them against
// the source.
func Points() []string {
	return []string{
		"lease taken", "run recorded", "writer numbered", "index empty", "index made", "index recorded",
		"publication made", "slot made", "capture made", "capture positioned",
		"load noted", "partition written", "partition recorded",
		"marks read", "marks durable", "marks acknowledged",
		"writer's alias changed", "writes ended", "catch-up noted", "versions reserved", "marks written", "refusals kept", "letters written", "marks settled",
		"load durable", "settings restored", "settings struck off", "index sealed", "seal noted",
		"compared", "verification noted",
		"block noted", "writes blocked", "arrived",
		"handover recorded", "touched recorded", "touched written", "pass begun", "handover ended",
		"writer ended", "catch-up ended", "alias changed", "alias read again", "state noted", "states settled",
		"deletion postponed", "deletion made again",
		"adoption noted", "differences found", "differences marked", "adoption proven",
		"end recorded", "capture released", "lease released", "state closed",
	}
}
