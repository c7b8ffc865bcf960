package projector

import "humpty/projector/pace"

// WithDefaults puts the defaults where nothing is said.
func (l Limits) WithDefaults() Limits {
	if l.InFlight <= 0 {
		l.InFlight = 256 << 20
	}
	if l.Writers <= 0 {
		l.Writers = 16
	}
	if l.Batch <= 0 {
		l.Batch = 4 << 20
	}
	if l.Rate > 0 { // a request goes out in one piece: large ones would come in jerks
		l.Batch = min(l.Batch, max(pace.MinBatch, int(l.Rate/4)))
	}
	return l
}

// EffectiveLevel is the level, full where none is said.
func (v VerifyPolicy) EffectiveLevel() Level {
	if v.Level == "" {
		return LevelFull
	}
	return v.Level
}
