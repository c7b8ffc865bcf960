package engine

import (
	"bufio"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// clockTick is the unit of times in /proc/PID/stat: 100 a second on every Linux there is.
const clockTick = 0.01

// Server finds the process on this machine that listens on the port of an address (URL
// or DSN in URL form), to read its CPU time. It is 0 where that cannot be known: another
// machine, another system, another user's process.
func Server(address string) int {
	u, err := url.Parse(address)
	if err != nil {
		return 0
	}
	host, port := u.Hostname(), u.Port()
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return 0
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return 0
	}
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		listening(table, n, sockets)
	}
	return owner(sockets)
}

// listening collects the sockets that listen on a port, as links of /proc/PID/fd name them.
func listening(table string, port int, sockets map[string]bool) {
	f, err := os.Open(table)
	if err != nil {
		return
	}
	defer f.Close()
	suffix := fmt.Sprintf(":%04X", port)
	for in := bufio.NewScanner(f); in.Scan(); {
		fields := strings.Fields(in.Text())
		const local, state, inode = 1, 3, 9
		if len(fields) > inode && strings.HasSuffix(fields[local], suffix) && fields[state] == "0A" {
			sockets["socket:["+fields[inode]+"]"] = true
		}
	}
}

// owner is the process with one of the sockets open; of several the oldest.
func owner(sockets map[string]bool) int {
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil || len(sockets) == 0 {
		return 0
	}
	found := 0
	for _, link := range links {
		if to, err := os.Readlink(link); err != nil || !sockets[to] {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(link, "/")[2])
		if err == nil && (found == 0 || pid < found) {
			found = pid
		}
	}
	return found
}

// CPU is the time that a process and all its descendants have used so far, in seconds,
// with those that ended and were waited for; 0 for pid 0.
func CPU(pid int) float64 {
	if pid == 0 {
		return 0
	}
	type process struct {
		parent int
		ticks  int64
	}
	all := map[int]process{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it ended
		}
		number, parent, ticks := parseStat(string(text))
		all[number] = process{parent, ticks}
	}
	var sum int64
	for number, p := range all {
		for at := number; at > 1; at = all[at].parent {
			if at == pid {
				sum += p.ticks
				break
			}
		}
	}
	return float64(sum) * clockTick
}

// parseStat reads a line of /proc/PID/stat. The name in it may hold spaces and brackets.
func parseStat(text string) (pid, parent int, ticks int64) {
	head, rest, ok := cutLast(text, ") ")
	fields := strings.Fields(rest)
	const ppid, utime, cstime = 1, 11, 14
	if !ok || len(fields) <= cstime {
		return 0, 0, 0
	}
	number, _, _ := strings.Cut(head, " ")
	pid, _ = strconv.Atoi(number)                // 0 is nobody
	parent, _ = strconv.Atoi(fields[ppid])       // the same
	for _, f := range fields[utime : cstime+1] { // own and waited-for children's, user and system
		n, err := strconv.ParseInt(f, 10, 64)
		if err == nil {
			ticks += n
		}
	}
	return pid, parent, ticks
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
