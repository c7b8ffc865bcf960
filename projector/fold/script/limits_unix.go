//go:build unix

package script

import (
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

// limitMemory has the kernel refuse more: one call of a native function may ask for more than
// the machine has, before anything can look.
func limitMemory(bytes int64) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_DATA, &limit); err != nil {
		return
	}
	limit.Cur = min(uint64(bytes), limit.Max)
	_ = syscall.Setrlimit(syscall.RLIMIT_DATA, &limit) // the watchdog is still there
}
