package script

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"humpty/projector/fold"
)

// workerVariable tells a program that it is the process of a script.
const workerVariable = "HUMPTY_SCRIPT_PROCESS"

// Main is for the beginning of main: in a process that was started to run a script it runs it,
// and does not return.
func Main() {
	if os.Getenv(workerVariable) == "" {
		return
	}
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP) // they are meant for the program that started it: this one ends with its input
	if err := serve(os.Stdin, os.Stdout); err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // Main stands for main here
	}
	os.Exit(0) //nolint:forbidigo // likewise
}

// worker makes documents in the process of a script.
type worker struct {
	in       *bufio.Reader
	out      io.Writer
	module   *module
	watchdog *watchdog
	limits   Limits
	known    names

	ballast               []byte // never touched, so it takes no memory; the collector runs less often for it
	request, answer, mark frame
	events                []fold.Event
	text                  []byte
}

// maxNative is how deep native functions may nest, in bytes of stack.
const maxNative = 256 << 20

// ballast makes some tens of megabytes of garbage between two collections.
const ballast = 32 << 20

func serve(in io.Reader, out io.Writer) error {
	debug.SetMaxStack(maxNative)
	debug.SetGCPercent(200)
	w := &worker{in: bufio.NewReaderSize(in, 1<<16), out: out, known: names{}, ballast: make([]byte, ballast)}
	defer runtime.KeepAlive(w)
	if _, err := io.WriteString(out, greeting); err != nil {
		return err
	}
	if kind, err := w.request.receive(w.in); err != nil || kind != frameLoad {
		return errors.Join(err, fmt.Errorf("the first frame is a %q", kind))
	}
	if err := w.load(); err != nil {
		w.answer.begin(frameRefused)
		w.answer.string(err.Error())
		return w.answer.send(out)
	}
	w.answer.begin(frameReady)
	if err := w.answer.send(out); err != nil {
		return err
	}
	for {
		kind, err := w.request.receive(w.in)
		if err != nil {
			return err
		}
		if err := w.documents(kind); err != nil {
			return err
		}
	}
}

// load compiles the module and runs it once.
func (w *worker) load() error {
	var l load
	if err := json.Unmarshal(w.request.data, &l); err != nil {
		return err
	}
	w.limits = l.Limits.withDefaults()
	debug.SetMemoryLimit(int64(w.limits.Heap) + 4*ballast)
	limitMemory(w.ceiling(0))
	w.watchdog = newWatchdog(w.limits)
	w.watchdog.setBase(int(heldBytes()))
	var err error
	w.module, err = compile(l.Name, l.Source, w.watchdog)
	return err
}

// ceiling is the memory that the kernel gives: far above the limit of the watchdog, which
// knows what is garbage.
func (w *worker) ceiling(frame int) int64 {
	return 4*int64(w.limits.Heap) + 8*int64(frame) + 256<<20 + ballast
}

// frameLarge is when what is given has a part in the memory that is held.
const frameLarge = 4 << 20

// documents makes those of the frame.
func (w *worker) documents(kind byte) error {
	if n := len(w.request.data); n > frameLarge {
		limitMemory(w.ceiling(n))
		w.watchdog.setBase(ballast + 16<<20 + 4*n)
	}
	w.answer.begin(frameMade)
	for range w.request.nextNumber() {
		key := w.request.nextBytes()
		w.events = w.events[:0]
		for range w.request.nextNumber() {
			w.events = append(w.events, w.request.nextEvent(w.known, key))
		}
		if err := w.request.err(); err != nil {
			return err
		}
		d := making{worker: w, reasons: make([]string, len(w.events)), watched: kind != frameDocuments, traced: kind == frameTraced}
		if err := d.make(); err != nil {
			return err
		}
	}
	err := w.answer.send(w.out)
	if cap(w.answer.data) > frameLarge {
		w.answer.data = nil
		runtime.GC()
	}
	return err
}
