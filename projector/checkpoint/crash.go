package checkpoint

// SourceCrash is what a run knows of crashes of its source. It is kept by gob: its fields keep
// their names.
type SourceCrash struct {
	Last string // tells the last one apart, as sources.FlushLog does
	Lost bool   // one came while partitions were read
}

// RecordCrash writes down which crash of the source was the last, and returns whether one came,
// now or before, while partitions were read: begun says that some are not done. A run of an
// earlier version does not know, and takes it that one came.
func (j *Journal) RecordCrash(last string, begun bool) (lost bool, err error) {
	if j.crash.Last == last {
		return j.crash.Lost, nil
	}
	now := SourceCrash{Last: last, Lost: j.crash.Lost || begun}
	if err := j.write(keptCrash, now); err != nil {
		return false, err
	}
	j.crash = now
	return now.Lost, nil
}
