package printable

import "io"

// Writer prints text: secrets hidden, everything that commands a terminal visible. Each Write
// is taken for whole words and characters.
type Writer struct {
	To      io.Writer
	Secrets *Secrets // may be nil
}

// Write prints p; it reports all of it as written where the stream took what p became.
func (w Writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.To, Text(w.Secrets.Hide(string(p)))); err != nil {
		return 0, err
	}
	return len(p), nil
}
