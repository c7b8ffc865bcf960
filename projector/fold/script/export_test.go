package script

import "humpty/projector/fold"

// Kill ends the process of a fold, as the system may.
func Kill(f fold.Fold) { f.(*script).process.kill() }
