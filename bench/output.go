package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"humpty/bench/internal/figure"
	"humpty/bench/internal/result"
)

// sentence is one measurement in one line.
func sentence(m result.Measurement) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-9s", m.What)
	if m.Target != "" {
		fmt.Fprintf(&b, " %-13s", m.Target)
	}
	if m.Pair > 0 {
		fmt.Fprintf(&b, " pair %d", m.Pair)
	}
	if s := settings(m.Settings); s != "" {
		fmt.Fprintf(&b, " (%s)", s)
	}
	unit := "documents"
	rate := m.PerSecond()
	switch n := m.Figures[figure.Events]; {
	case m.What == result.Copy:
		unit = "rows"
	case n > 0 && m.Seconds > 0:
		unit, rate = "events", n/m.Seconds
	}
	fmt.Fprintf(&b, " %.2f s, %.0f %s/s, %.0f MB/s", m.Seconds, rate, unit, m.MBPerSecond())
	if cpu, ok := m.Figures[figure.OwnCPU]; ok {
		fmt.Fprintf(&b, ", own CPU %.2f s, RSS %.0f MB", cpu, m.Figures[figure.RSS])
	}
	return b.String()
}

func settings(s result.Settings) string {
	var parts []string
	for _, p := range []struct {
		value float64
		name  string
	}{
		{float64(s.Factor), "times the data"},
		{float64(s.Connections), "connections"},
		{float64(s.Writers), "writers"},
		{s.BatchMB, "MB"},
		{float64(s.BatchDocs), "a request"},
		{float64(s.Shards), "shards"},
		{float64(s.Slices), "slices"},
	} {
		if p.value != 0 {
			parts = append(parts, fmt.Sprintf("%g %s", p.value, p.name))
		}
	}
	if s.Fold != "" {
		parts = append(parts, s.Fold)
		if s.MemoryMB > 0 {
			parts = append(parts, fmt.Sprintf("%.0f MB", s.MemoryMB))
		}
	}
	return strings.Join(parts, ", ")
}

// print writes the measurements to stdout, for people or as JSON lines.
func (b *bench) print(all []result.Result) error {
	for _, r := range all {
		if b.json {
			if err := result.Write(b.out, r); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintln(b.out, sentence(r.Measurement))
		for _, name := range slices.Sorted(maps.Keys(r.Figures)) {
			fmt.Fprintf(b.out, "    %-22s %.3f\n", name, r.Figures[name])
		}
	}
	return nil
}

// headline writes one JSON line.
func (b *bench) headline(h result.Headline) error { return json.NewEncoder(b.out).Encode(h) }
