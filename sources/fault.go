package sources

// DocumentError is the error of a read that failed on the data of a document: not the server
// and not the definition is at fault. A read of that document alone fails, too, and others
// do not. The snapshot of the batch is there all the same.
type DocumentError struct{ Err error }

func (e *DocumentError) Error() string { return e.Err.Error() }

// Unwrap is what the source said.
func (e *DocumentError) Unwrap() error { return e.Err }
