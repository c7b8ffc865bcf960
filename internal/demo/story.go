package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"humpty/internal/ui"
)

// story tells a person, or a machine, what happens.
type story struct {
	out     io.Writer
	json    bool
	chapter int
	err     error // of the first write that failed
}

func (s *story) write(text string) {
	if _, err := io.WriteString(s.out, text); err != nil && s.err == nil {
		s.err = fmt.Errorf("demo: print: %w", err)
	}
}

func (s *story) title(text string) {
	s.chapter++
	if !s.json {
		s.write(fmt.Sprintf("\n%d  %s\n", s.chapter, text))
	}
}

// say prints lines for a person, indented under the chapter.
func (s *story) say(format string, args ...any) {
	if !s.json {
		s.write("   " + strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\n   ") + "\n")
	}
}

// emit prints one line of NDJSON: the fields of v, after the line's type.
func (s *story) emit(kind string, v any) {
	if !s.json {
		return
	}
	fields, err := json.Marshal(v)
	if err != nil {
		s.err = fmt.Errorf("demo: %w", err)
		return
	}
	s.write(fmt.Sprintf(`{"schema":1,"type":%q,%s`+"\n", kind, fields[1:]))
}

// timeline is the table at the end.
func (s *story) timeline(steps []Step) {
	if s.json {
		return
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "rows\tdocuments\tsize\trate\ttime\t")
	for _, step := range steps {
		rate := ""
		switch n := max(step.Documents, step.Rows); {
		case step.Seconds == 0, n == 0:
		case step.Documents > 0:
			rate = ui.Count(int64(float64(step.Documents)/step.Seconds)) + " docs/s"
		default:
			rate = ui.Count(int64(float64(step.Rows)/step.Seconds)) + " rows/s"
		}
		size := ""
		if step.Bytes > 0 {
			size = ui.Bytes(step.Bytes)
		}
		took := ui.Time(time.Duration(step.Seconds * float64(time.Second)))
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t   %s\n", count(step.Rows), count(step.Documents), size, rate, took, step.Name)
	}
	if err := w.Flush(); err != nil && s.err == nil {
		s.err = fmt.Errorf("demo: print: %w", err)
	}
}

func count(n int64) string {
	if n == 0 {
		return ""
	}
	return ui.Count(n)
}
