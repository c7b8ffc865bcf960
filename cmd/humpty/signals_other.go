//go:build !unix

package main

import (
	"os"
	"syscall"
)

func watchedSignals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

func leaves(os.Signal) bool { return false }

func asksForStatus(os.Signal) bool { return false }
