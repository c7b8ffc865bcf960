package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// processes are the numbers and the resident memory of a server's processes.
type processes struct {
	pids []int
	kib  int
}

// processesOf asks ps for the processes of a group and their descendants:
// PostgreSQL's sessions lead groups of their own.
func processesOf(ctx context.Context, group int) (processes, error) {
	out, err := exec.CommandContext(ctx, "ps", "-A", "-o", "pid=,ppid=,pgid=,rss=").Output()
	if err != nil {
		return processes{}, fmt.Errorf("ask ps what runs: %w", err)
	}
	return sumProcesses(string(out), group), nil
}

func sumProcesses(out string, group int) processes {
	type row struct{ pid, parent, group, kib int }
	var rows []row
	for line := range strings.Lines(out) {
		var r row
		if n, _ := fmt.Sscan(line, &r.pid, &r.parent, &r.group, &r.kib); n == 4 {
			rows = append(rows, r)
		}
	}
	var sum processes
	ours := map[int]bool{}
	for grown := true; grown; {
		grown = false
		for _, r := range rows {
			if ours[r.pid] || r.group != group && !ours[r.parent] {
				continue
			}
			ours[r.pid] = true
			sum.pids = append(sum.pids, r.pid)
			sum.kib += r.kib
			grown = true
		}
	}
	return sum
}
