package script

import (
	"fmt"
	"sync"
	"time"

	"github.com/dop251/goja"
)

// watch ends a call that takes too long. A timer for each call would cost more than most
// calls; so one runs while a document is made, and looks whether the call that it saw last
// time is still the same.
type watch struct {
	vm    *goja.Runtime
	limit time.Duration

	mu      sync.Mutex
	timer   *time.Timer
	awake   bool
	inside  bool
	call    uint64
	seen    uint64
	stopped bool // Interrupt was called in the present call
}

func newWatch(vm *goja.Runtime, limit time.Duration) *watch {
	return &watch{vm: vm, limit: limit}
}

// wake and rest frame a document.
func (w *watch) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.awake = true
	if w.timer == nil {
		w.timer = time.AfterFunc(w.limit, w.look)
	} else {
		w.timer.Reset(w.limit)
	}
}

func (w *watch) rest() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.awake = false
	w.timer.Stop()
}

// look runs on the timer's goroutine. A call is stopped when it is seen for the second
// time, so after one to two limits.
func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.awake {
		return
	}
	if w.inside && w.call == w.seen {
		w.stopped = true
		w.vm.Interrupt(fmt.Sprintf("it takes more than %v", w.limit))
	}
	w.seen = w.call
	w.timer.Reset(w.limit)
}

// enter and leave frame a call.
func (w *watch) enter() {
	w.mu.Lock()
	w.inside = true
	w.call++
	w.mu.Unlock()
}

func (w *watch) leave() {
	w.mu.Lock()
	w.inside = false
	if w.stopped {
		w.vm.ClearInterrupt()
		w.stopped = false
	}
	w.mu.Unlock()
}
