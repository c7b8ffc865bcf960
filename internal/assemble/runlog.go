package assemble

import "path/filepath"

// Log is the file in which a run says what it does, for those who were not there.
func (s State) Log(projection, run string) string {
	return filepath.Join(s.folder(projection, run), "run.log")
}
