package devstack

import (
	"context"
	"errors"
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

// Stacks tells of the user's shared stacks that run: usually none or one, and
// more after changes to devstack itself.
func Stacks(ctx context.Context) ([]Status, error) {
	return askAll(ctx, actStatus)
}

// Down ends the user's shared stacks, whoever uses them, and returns what they
// were when all their servers have ended.
func Down(ctx context.Context) ([]Status, error) {
	return askAll(ctx, actDown)
}

func askAll(ctx context.Context, act action) ([]Status, error) {
	s, err := findShared()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(s.folders.state)
	if err != nil {
		return nil, err
	}
	var list []Status
	var errs []error
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), sharedPrefix) {
			continue
		}
		conn, err := net.Dial("unix", filepath.Join(s.folders.state, e.Name(), "socket"))
		if err != nil {
			continue // it has ended
		}
		r, err := exchange(ctx, conn, request{Action: act}, nil)
		if err == nil && r.Status != nil {
			list = append(list, *r.Status)
		}
		errs = append(errs, err, conn.Close())
	}
	return list, errors.Join(errs...)
}
