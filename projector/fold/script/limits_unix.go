//go:build unix

package script

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usedCPU is the processor time of the process so far.
func usedCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// limitMemory has the kernel refuse more than what there is now and so many bytes: one call of
// a native function may ask for more than the machine has, before anything can look.
func limitMemory(bytes int64) {
	text, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 6 {
		return // the watchdog is still there
	}
	pages, err := strconv.ParseUint(fields[5], 10, 64)
	var limit syscall.Rlimit
	if err != nil || syscall.Getrlimit(syscall.RLIMIT_DATA, &limit) != nil {
		return
	}
	limit.Cur = min(pages*uint64(os.Getpagesize())+uint64(bytes), limit.Max)
	_ = syscall.Setrlimit(syscall.RLIMIT_DATA, &limit) // likewise
}
