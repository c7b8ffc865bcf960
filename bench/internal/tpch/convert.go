package tpch

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// convert reads a file and writes the text form of COPY; it returns the bytes written.
func (t table) convert(in io.Reader, header bool, out io.Writer) (int64, error) {
	w := bufio.NewWriterSize(out, 1<<20)
	next := bars(in)
	columns := t.columns
	if header {
		r := csv.NewReader(bufio.NewReaderSize(in, 1<<20))
		r.ReuseRecord = true
		next = r.Read
		first, err := next()
		if err != nil {
			return 0, fmt.Errorf("read the header: %w", err)
		}
		columns = append([]string(nil), first...)
	}
	at, err := t.places(columns)
	if err != nil {
		return 0, err
	}
	var size int64
	for row := 1; ; row++ {
		values, err := next()
		if errors.Is(err, io.EOF) {
			return size, w.Flush()
		}
		if err == nil && len(values) < len(columns) {
			err = fmt.Errorf("%d values, want %d", len(values), len(columns))
		}
		n := 0
		if err == nil {
			n, err = t.write(w, values, at)
		}
		if err != nil {
			return size, fmt.Errorf("row %d: %w", row, err)
		}
		size += int64(n)
	}
}

// escapes is what COPY's text form wants escaped.
var escapes = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

func (t table) write(w *bufio.Writer, values []string, at []int) (size int, err error) {
	for i, to := range t.into {
		value := values[at[i]]
		if to.change != nil {
			if value, err = to.change(value); err != nil {
				return size, err
			}
		}
		if i > 0 {
			value = "\t" + escapes.Replace(value)
		} else {
			value = escapes.Replace(value)
		}
		n, err := w.WriteString(value)
		if err != nil {
			return size, err
		}
		size += n
	}
	return size + 1, w.WriteByte('\n')
}

// bars reads lines whose values each end with a bar.
func bars(in io.Reader) func() ([]string, error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	return func() ([]string, error) {
		if !lines.Scan() {
			if err := lines.Err(); err != nil {
				return nil, err
			}
			return nil, io.EOF
		}
		return strings.Split(lines.Text(), "|"), nil
	}
}
