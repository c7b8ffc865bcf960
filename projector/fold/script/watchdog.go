package script

import (
	"fmt"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/dop251/goja"
)

// watchdog ends a call that takes too long, or too much memory. A timer for each call would
// cost more than most calls; so one runs while a document is made, and looks whether the
// call that it saw last time is still the same.
type watchdog struct {
	vm       *goja.Runtime
	limits   Limits
	interval time.Duration

	mu          sync.Mutex
	timer       *time.Timer
	running     bool
	inCall      bool
	call        uint64
	lastSeen    uint64
	seenAt      time.Time // that call was seen
	heap        uint64    // then
	interrupted bool      // Interrupt was called in the present call
}

func newWatchdog(vm *goja.Runtime, limits Limits) *watchdog {
	return &watchdog{vm: vm, limits: limits, interval: min(max(limits.Call/20, time.Millisecond), 50*time.Millisecond)}
}

// liveHeap is what the collector found to be in use.
func liveHeap() uint64 {
	found := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(found)
	return found[0].Value.Uint64()
}

// startTimer and rest frame a document.
func (w *watchdog) startTimer() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = true
	if w.timer == nil {
		w.timer = time.AfterFunc(w.interval, w.check)
	} else {
		w.timer.Reset(w.interval)
	}
}

func (w *watchdog) stopTimer() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = false
	w.timer.Stop()
}

// check runs on the timer's goroutine. A call is stopped a little after its limit of time.
// The heap is the whole process's: only a call that was seen before can be blamed for it.
func (w *watchdog) check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.running {
		return
	}
	switch {
	case !w.inCall:
	case w.call != w.lastSeen:
		w.lastSeen, w.seenAt, w.heap = w.call, time.Now(), liveHeap()
	case time.Since(w.seenAt) >= w.limits.Call:
		w.interrupt(fmt.Sprintf("it takes more than %v", w.limits.Call))
	default:
		if now := liveHeap(); now > w.heap && now-w.heap > uint64(w.limits.Heap) {
			w.interrupt(fmt.Sprintf("it takes more than %d MB of memory", w.limits.Heap>>20))
		}
	}
	w.timer.Reset(w.interval)
}

func (w *watchdog) interrupt(why string) {
	w.interrupted = true
	w.vm.Interrupt(why)
}

// beginCall and leave frame a call.
func (w *watchdog) beginCall() {
	w.mu.Lock()
	w.inCall = true
	w.call++
	w.mu.Unlock()
}

func (w *watchdog) endCall() {
	w.mu.Lock()
	w.inCall = false
	if w.interrupted {
		w.vm.ClearInterrupt()
		w.interrupted = false
	}
	w.mu.Unlock()
}
