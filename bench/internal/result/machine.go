package result

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Machine is what absolute figures belong to.
type Machine struct {
	CPU      string `json:"cpu"`
	Cores    int    `json:"cores"`
	MemoryMB int64  `json:"memory_mb"`
	Kernel   string `json:"kernel"`
	System   string `json:"system"` // linux/amd64
}

// thisMachine reads what the system tells; what it does not tell stays empty.
func thisMachine(ctx context.Context) Machine {
	m := Machine{
		CPU:    field("/proc/cpuinfo", "model name"),
		Cores:  runtime.NumCPU(),
		Kernel: command(ctx, "uname", "-r"),
		System: runtime.GOOS + "/" + runtime.GOARCH,
	}
	kb, _, _ := strings.Cut(field("/proc/meminfo", "MemTotal"), " ")
	if n, err := strconv.ParseInt(kb, 10, 64); err == nil {
		m.MemoryMB = n / 1024
	}
	if runtime.GOOS == "darwin" {
		m.CPU = command(ctx, "sysctl", "-n", "machdep.cpu.brand_string")
		if n, err := strconv.ParseInt(command(ctx, "sysctl", "-n", "hw.memsize"), 10, 64); err == nil {
			m.MemoryMB = n >> 20
		}
	}
	return m
}

// NewStamp says where and when we are: call it once, when a run begins.
func NewStamp(ctx context.Context, mode string) Stamp {
	now := time.Now().UTC()
	s := Stamp{
		Schema: schema, Run: now.Format("20060102t150405"), Mode: mode, Date: now.Truncate(time.Second),
		Commit: command(ctx, "git", "rev-parse", "HEAD"), Machine: thisMachine(ctx),
		Versions: map[string]string{"go": runtime.Version()}, Servers: map[string]string{},
	}
	if s.Commit == "" {
		s.Commit = "unknown"
	}
	// New results do not change what is measured.
	s.Dirty = command(ctx, "git", "status", "--porcelain", "--", ":/", ":(exclude,top)bench/results") != ""
	return s
}

func command(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// field is the value of the first line "name : value" of a file.
func field(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		key, value, ok := strings.Cut(in.Text(), ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
