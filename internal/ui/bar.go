package ui

import (
	"io"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// bar shows the running phase in the terminal's last line.
type bar struct {
	container *mpb.Progress
	current   *mpb.Bar
	shown     atomic.Pointer[phase] // what the bar draws; it may not wait for the reporter
	reporter  *Reporter
}

func newBar(out io.Writer, r *Reporter) *bar {
	return &bar{container: mpb.New(mpb.WithOutput(out), mpb.WithWidth(24), mpb.WithAutoRefresh()), reporter: r}
}

// start and the following are called by the reporter, which holds its lock.
func (b *bar) start() {
	b.update()
	name := b.reporter.phase.name
	style := mpb.BarStyle().Lbound("[").Filler("=").Tip(">").Padding(" ").Rbound("]")
	b.current = b.container.New(0, style, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(string(name), decor.WC{W: 9, C: decor.DindentRight})),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
			return " " + b.shown.Load().short(time.Now())
		})))
}

func (b *bar) update() {
	shown := b.reporter.phase
	b.shown.Store(&shown)
	if b.current != nil && shown.total > 0 {
		b.current.SetTotal(max(shown.total, shown.done+1), false)
		b.current.SetCurrent(shown.done)
	}
}

func (b *bar) end() {
	if b.current != nil {
		b.current.Abort(true)
		b.current.Wait()
		b.current = nil
	}
}

func (b *bar) above(line string) {
	_, _ = b.container.Write([]byte(line))
}

func (b *bar) close() {
	b.end()
	b.container.Wait()
}
