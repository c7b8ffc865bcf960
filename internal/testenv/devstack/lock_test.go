package devstack

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLockHasOneOwner(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := tryLock(path)
	if err != nil || first == nil {
		t.Fatalf("a free lock: %v, %v", first, err)
	}
	if second, err := tryLock(path); err != nil || second != nil {
		t.Fatalf("a taken lock: %v, %v; want neither", second, err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, errors.New("enough of it"))
	defer cancel()
	if _, err := lockAny(ctx, path); err == nil || !strings.Contains(err.Error(), "enough of it") {
		t.Fatalf("waiting in vain: %v", err)
	}
	other, err := lockAny(t.Context(), path, path+"2")
	if err != nil || filepath.Base(other.f.Name()) != "lock2" {
		t.Fatalf("the second of two: %v, %v", other, err)
	}
	if err := errors.Join(first.unlock(), other.unlock()); err != nil {
		t.Fatal(err)
	}
	// A process that another test starts holds it too, for the moment between fork and exec.
	if again, err := lockAny(t.Context(), path); err != nil || again == nil {
		t.Fatalf("a lock that was given back: %v, %v", again, err)
	}
}

func TestLockOfACrashedProcessIsFree(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	h := newHelper(t, "lock "+path)
	if l, err := tryLock(path); err != nil || l != nil {
		t.Fatalf("while the other process lives: %v, %v; want neither", l, err)
	}
	h.crash(t)
	if l, err := tryLock(path); err != nil || l == nil {
		t.Fatalf("after its crash: %v, %v", l, err)
	}
}
