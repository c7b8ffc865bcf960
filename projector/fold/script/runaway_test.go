package script_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"humpty/projector/fold"
	"humpty/projector/fold/script"
)

// runaways are handlers that do not end, or take everything, or break what runs them: in
// JavaScript, and in functions that are not JavaScript and cannot be interrupted.
var runaways = map[string]string{
	"for (;;);": "processor time", "for (;;) try { for (;;); } catch {} finally { continue }": "processor time",
	"/^(a+)+$(?=x)?/.test('a'.repeat(50) + '!')":             "processor time",
	"'a'.repeat(50).replace(/^(a+)+\\1b/, '')":               "processor time",
	"Array.prototype.lastIndexOf.call({length: 2 ** 52}, 1)": "processor time",
	"(async () => { for (;;) await 0 })()":                   "processor time",
	"s.toJSON = () => { for (;;); }":                         "processor time",
	"Object.defineProperty(s, 'x', {enumerable: true, get() { return /^(a+)+$(?=x)?/.test('a'.repeat(50) + '!') }})": "processor time",
	"new Float64Array(3e8).fill(1)": "memory",
	"const f = () => f(); f()":      "nest too deep",
	// time, memory or depth, whichever is used up first
	"Array.prototype.fill.call({length: 1e12}, 1)": "", "new ArrayBuffer(1e12)": "", "new Array(3e8).fill(s)": "",
	"'x'.repeat(2 ** 29).split('')": "", "'x'.padEnd(2 ** 30).split('')": "",
	"const a = []; for (;;) a.push('x'.repeat(1 << 16) + a.length)": "", "let t = 'xy'; for (;;) t += t": "",
	"10n ** BigInt(1e10)": "", "let a = 10n; for (;;) a *= a": "",
	"JSON.parse('['.repeat(2e7))": "", "new RegExp('('.repeat(1e7))": "", "(0, eval)('('.repeat(3e6))": "",
}

// Every one of them is poison after its limit, with a reason, and the next event is none the
// worse for it.
func TestRunaways(t *testing.T) {
	t.Parallel()
	handlers := map[string]string{}
	for body, want := range runaways {
		handlers["(s, e) => { if (e.bad) { "+body+" } s.n = (s.n || 0) + 1 }"] = want
	}
	runs := runners(t, handlers, script.Limits{Call: 100 * time.Millisecond, Heap: 128 << 20})
	for handler, want := range handlers {
		if got := runs[handler](`{"bad":1}`); !strings.HasPrefix(got, "poison: ") || !strings.Contains(got, want) {
			t.Errorf("%s: %s, nothing of %q", handler, got, want)
		}
		if got := runs[handler](`{}`); got != `{"n":1}` {
			t.Errorf("%s: then %s", handler, got)
		}
	}
}

// An event that ends the process is poison, with its offset, among all the documents that were
// handed over with it.
func TestOneRunawayAmongMany(t *testing.T) {
	t.Parallel()
	f := load(t, `({E: (s, e) => { s.n = (s.n || 0) + 1; if (e.bad) /^(a+)+$(?=x)?/.test('a'.repeat(50) + '!') }})`, script.Limits{Call: 100 * time.Millisecond})
	var all []fold.Document
	for i := range 20 {
		events := []string{`E {}`, `E {}`, `E {}`}
		if i == 7 {
			events[1] = `E {"bad":1}`
		}
		all = append(all, document(string(rune('a'+i)), events...))
	}
	if err := f.Prepare(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	for i, d := range all {
		poisons, out := made(t, f, d)
		switch {
		case i != 7 && (poisons != nil || out != `{"n":3}`):
			t.Errorf("%d: %q, %s", i, poisons, out)
		case i == 7 && (len(poisons) != 1 || !strings.HasPrefix(poisons[0], "1: stopped: it takes more than 100ms of processor time") || out != `{"n":2}`):
			t.Errorf("%d: %q, %s", i, poisons, out)
		}
	}
}

// A stop of the run does not wait for a handler.
func TestStopInAHandler(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"for (;;);", "/^(a+)+$(?=x)?/.test('a'.repeat(50) + '!')", "Array.prototype.lastIndexOf.call({length: 2 ** 52}, 1)"} {
		f := load(t, "({E: s => { "+body+" }})", script.Limits{Call: time.Hour})
		stopped := errors.New("stopped by the operator")
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(50*time.Millisecond, func() { stop(stopped) })
		started := time.Now()
		err := f.Prepare(ctx, []fold.Document{document("k", `E {}`)})
		if !errors.Is(err, stopped) || time.Since(started) > 10*time.Second {
			t.Errorf("%s: %v after %v", body, err, time.Since(started))
		}
	}
}

// A busy machine makes no event poison: what counts is the time that the handler itself takes,
// not that which it waits for a processor.
func TestABusyMachineMakesNoPoison(t *testing.T) {
	t.Parallel()
	f := load(t, `({E: s => { s.v = 0; for (let i = 0; i < 3e5; i++) s.v += i }})`, script.Limits{Call: 10 * time.Second})
	done, stop := context.WithCancel(t.Context())
	defer stop()
	for range 8 {
		busy := load(t, `({E: s => { for (;;); }})`, script.Limits{Call: time.Hour})
		ended := make(chan struct{})
		time.AfterFunc(0, func() { defer close(ended); _ = busy.Prepare(done, []fold.Document{document("k", `E {}`)}) })
		defer func() { stop(); <-ended }()
	}
	if got := run(t, f, `E {}`); got != `{"v":44999850000}` {
		t.Error(got)
	}
}

// What ends the process from outside, the system's killer of large processes say, blames no
// event: it is done over.
func TestAProcessThatIsKilledIsReplaced(t *testing.T) {
	t.Parallel()
	f := load(t, `({E: s => { s.n = (s.n || 0) + 1 }})`, script.Limits{})
	if got := run(t, f, `E {}`); got != `{"n":1}` {
		t.Fatal(got)
	}
	script.Kill(f)
	if got := run(t, f, `E {}`, `E {}`); got != `{"n":2}` {
		t.Error(got)
	}
}
