package projector

import "fmt"

// closeLetters ends the file and says in the record where it is. That a letter could not be
// written is an error of the run: it is all that is left of the document.
func (n *run) closeLetters() error {
	written, dropped, err := n.Letters.Close()
	if written > 0 {
		n.record.DeadLetters = n.Letters.Path()
	}
	if dropped > 0 {
		n.observer.Notice(fmt.Sprintf("%d dead letters are not in %s, which is bounded: it has the first %d", dropped, n.Letters.Path(), written))
	}
	return err
}
