package script

import (
	"fmt"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/dop251/goja"
)

// watch ends a call that takes too long, or too much memory. A timer for each call would
// cost more than most calls; so one runs while a document is made, and looks whether the
// call that it saw last time is still the same.
type watch struct {
	vm     *goja.Runtime
	limits Limits
	every  time.Duration

	mu      sync.Mutex
	timer   *time.Timer
	awake   bool
	inside  bool
	call    uint64
	seen    uint64
	first   time.Time // that call was seen
	heap    uint64    // then
	stopped bool      // Interrupt was called in the present call
}

func newWatch(vm *goja.Runtime, limits Limits) *watch {
	return &watch{vm: vm, limits: limits, every: min(max(limits.Call/20, time.Millisecond), 50*time.Millisecond)}
}

// live is what the collector found to be in use.
func live() uint64 {
	found := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(found)
	return found[0].Value.Uint64()
}

// wake and rest frame a document.
func (w *watch) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.awake = true
	if w.timer == nil {
		w.timer = time.AfterFunc(w.every, w.look)
	} else {
		w.timer.Reset(w.every)
	}
}

func (w *watch) rest() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.awake = false
	w.timer.Stop()
}

// look runs on the timer's goroutine. A call is stopped a little after its limit of time.
// The heap is the whole process's: only a call that was seen before can be blamed for it.
func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.awake {
		return
	}
	switch {
	case !w.inside:
	case w.call != w.seen:
		w.seen, w.first, w.heap = w.call, time.Now(), live()
	case time.Since(w.first) >= w.limits.Call:
		w.stop(fmt.Sprintf("it takes more than %v", w.limits.Call))
	default:
		if now := live(); now > w.heap && now-w.heap > uint64(w.limits.Heap) {
			w.stop(fmt.Sprintf("it takes more than %d MB of memory", w.limits.Heap>>20))
		}
	}
	w.timer.Reset(w.every)
}

func (w *watch) stop(why string) {
	w.stopped = true
	w.vm.Interrupt(why)
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
