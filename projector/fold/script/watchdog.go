package script

import (
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/dop251/goja"
)

// Limits of a module. Zero values mean the defaults.
type Limits struct {
	Call  time.Duration // processor time of one handler; 1 s by default
	State int           // bytes of a document's JSON; 16 MB by default
	Heap  int           // bytes that one handler may hold beside the events; 512 MB by default
	Stack int           // depth of calls; 1000 by default
}

func (l Limits) withDefaults() Limits {
	if l.Call <= 0 {
		l.Call = time.Second
	}
	if l.State <= 0 {
		l.State = 16 << 20
	}
	if l.Heap <= 0 {
		l.Heap = 512 << 20
	}
	if l.Stack <= 0 {
		l.Stack = 1000
	}
	return l
}

func (l Limits) slow() string { return fmt.Sprintf("it takes more than %v of processor time", l.Call) }

func (l Limits) large() string { return fmt.Sprintf("it takes more than %d MB of memory", l.Heap>>20) }

// What the process ends with when a call cannot be interrupted.
const (
	exitSlow  = 81
	exitLarge = 82
)

// watchdog ends a call that takes too long, or too much memory: it asks the interpreter to
// stop, and where that is busy in a function of its own (an expression that backtracks, a fill
// of a large array) it ends the process. Time is the processor time of the process, so that a
// busy machine makes no good event poison.
//
// A timer for each call would cost more than most calls; so one runs all the time, and looks
// whether the call that it saw last time is still the same.
type watchdog struct {
	limits   Limits
	interval time.Duration

	mu          sync.Mutex
	vm          *goja.Runtime
	timer       *time.Timer
	inCall      bool
	call        uint64
	lastSeen    uint64
	cpu         time.Duration // used when that call was seen
	base        uint64        // bytes held before the document
	interrupted time.Time     // when the present call was asked to stop
	fatal       int           // what the process ends with if it does not
}

// graceful is how long a call has to end by itself.
const graceful = 100 * time.Millisecond

func newWatchdog(limits Limits) *watchdog {
	w := &watchdog{vm: goja.New(), limits: limits, interval: min(max(limits.Call/20, time.Millisecond), 10*time.Millisecond)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(w.interval, w.check)
	return w
}

// watch has calls of another runtime watched.
func (w *watchdog) watch(vm *goja.Runtime) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.vm = vm
}

// setBase says how much memory is held for what the calls are given.
func (w *watchdog) setBase(bytes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.base = uint64(bytes)
}

// heldBytes is what objects take, with those that nothing refers to any more.
func heldBytes() uint64 {
	found := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(found)
	return found[0].Value.Uint64()
}

// check runs on the timer's goroutine.
func (w *watchdog) check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.timer.Reset(w.interval)
	switch {
	case !w.inCall:
	case w.call != w.lastSeen:
		w.lastSeen, w.cpu = w.call, usedCPU()
	case !w.interrupted.IsZero():
		if time.Since(w.interrupted) > graceful {
			os.Exit(w.fatal) //nolint:forbidigo // what cannot be interrupted ends with its process
		}
	case usedCPU()-w.cpu >= w.limits.Call:
		w.interrupt(w.limits.slow(), exitSlow)
	}
	if w.inCall && w.interrupted.IsZero() && w.tooLarge() {
		w.interrupt(w.limits.large(), exitLarge)
	}
}

// tooLarge looks for memory that is really held: garbage is collected before it counts.
func (w *watchdog) tooLarge() bool {
	limit := w.base + uint64(w.limits.Heap)
	if heldBytes() <= limit {
		return false
	}
	runtime.GC()
	return heldBytes() > limit
}

func (w *watchdog) interrupt(why string, exit int) {
	w.interrupted, w.fatal = time.Now(), exit
	w.vm.Interrupt(why)
}

// beginCall and endCall frame a call.
func (w *watchdog) beginCall() {
	w.mu.Lock()
	w.inCall = true
	w.call++
	w.mu.Unlock()
}

func (w *watchdog) endCall() {
	w.mu.Lock()
	w.inCall = false
	if !w.interrupted.IsZero() {
		w.vm.ClearInterrupt()
		w.interrupted = time.Time{}
	}
	w.mu.Unlock()
}
