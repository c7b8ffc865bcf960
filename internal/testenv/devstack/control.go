package devstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// Up starts servers of the shared stack and holds it: it stays until Down, with
// or without clients.
func Up(ctx context.Context, kinds []Kind, progress func(Progress)) (Addresses, error) {
	if err := (Options{Servers: kinds}).validate(); err != nil {
		return Addresses{}, err
	}
	s, err := findShared()
	if err != nil {
		return Addresses{}, err
	}
	conn, addresses, err := s.start(ctx, actHold, kinds, progress)
	if err != nil {
		return Addresses{}, err
	}
	return addresses, conn.Close()
}

// Running tells of the user's stacks that outlive their starters: shared ones
// (usually none or one, more after changes to devstack itself) and kept ones.
func Running(ctx context.Context) ([]Status, error) {
	f, err := myFolders()
	if err != nil {
		return nil, err
	}
	return f.each(ctx, actStatus, func(Status) error { return nil })
}

// Down ends the user's shared and kept stacks, whoever uses them. When it
// returns, their servers have ended; the answer says what they were.
func Down(ctx context.Context) ([]Status, error) {
	f, err := myFolders()
	if err != nil {
		return nil, err
	}
	return f.each(ctx, actDown, func(st Status) error { return EndKept(ctx, st.Dir) })
}

// each asks all supervisors and hands each kept stack to kept.
func (f folders) each(ctx context.Context, act action, kept func(Status) error) ([]Status, error) {
	entries, err := os.ReadDir(f.state)
	if err != nil {
		return nil, fmt.Errorf("devstack: %w", err)
	}
	var list []Status
	var errs []error
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), sharedPrefix) {
			continue
		}
		conn, err := net.Dial("unix", filepath.Join(f.state, e.Name(), "socket"))
		if err != nil {
			continue // it has ended
		}
		r, err := exchange(ctx, conn, request{Action: act}, nil)
		if r.Status != nil {
			list = append(list, *r.Status)
		}
		errs = append(errs, err, conn.Close())
	}
	keptStacks, err := f.kept()
	errs = append(errs, err)
	for _, st := range keptStacks {
		list = append(list, st)
		errs = append(errs, kept(st))
	}
	return list, errors.Join(errs...)
}
