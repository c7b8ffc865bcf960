package signals

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSignals(t *testing.T) {
	t.Parallel()
	signals := make(chan os.Signal)
	ended := make(chan os.Signal, 1)
	var errs bytes.Buffer
	w := &Watcher{Err: &errs, Signals: signals, End: func(s os.Signal) { ended <- s }}
	w.ShowStatus(func() string { return "load: half" })
	done := make(chan struct{})
	defer close(done)
	var causes []error
	go w.watch(func(err error) { causes = append(causes, err) }, done)
	signals <- syscall.SIGUSR1
	signals <- syscall.SIGTERM
	signals <- os.Interrupt
	select {
	case s := <-ended:
		if s != syscall.SIGTERM || len(causes) != 1 {
			t.Errorf("ended with %v, causes %v", s, causes)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the second signal does not end it")
	}
	for _, text := range []string{"status    load: half\n", "stopping  ", "a second signal ends it at once"} {
		if !strings.Contains(errs.String(), text) {
			t.Errorf("missing %q in %s", text, errs.String())
		}
	}
}
