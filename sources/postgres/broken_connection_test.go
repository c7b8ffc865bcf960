package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"humpty/internal/testenv/devstack"
	"humpty/sources"
)

// A connection that breaks, or a run that is stopped, at any moment of looking at the
// definition is an error that names the server, and nothing else: in a check, a plan, the
// opening of a view and the beginning of a capture.
func TestConnectionThatBreaksWhileTheDefinitionIsRead(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, `
		create table nation (n int primary key, name text);
		create table customer (c int primary key, n int, born date);
		create table tag (o int, c int, primary key (o, c));
		create table orders (o int primary key, c int, at timestamptz, price numeric);
		create index on tag (c)`)
	on := func(child, parent string) []sources.Join { return []sources.Join{{Child: child, Parent: parent}} }
	shape := sources.Shape{
		From: "orders", Columns: []sources.Column{{Expr: "*"}, {Field: "twice", Expr: "price * 2"}},
		Include: []sources.Shape{
			{Name: "buyer", From: "customer", One: true, On: on("c", "c"), Columns: []sources.Column{{Expr: "*"}}},
			{
				Name: "tagged", From: "customer", Many: true, On: on("c", "c"), Columns: []sources.Column{{Expr: "*"}},
				Through: &sources.Through{From: "tag", Parent: on("o", "o")},
			},
		},
	}
	for what, look := range map[string]func(context.Context, *Source) error{
		"check":     func(ctx context.Context, s *Source) error { _, err := s.Check(ctx); return err },
		"plan":      func(ctx context.Context, s *Source) error { _, err := s.Plan(ctx); return err },
		"preflight": func(ctx context.Context, s *Source) error { _, err := s.Preflight(ctx, true); return err },
		"captures":  func(ctx context.Context, s *Source) error { _, err := s.Captures(ctx); return err },
		"open": func(ctx context.Context, s *Source) error {
			view, err := s.Open(ctx)
			if err == nil {
				_ = view.Close(context.WithoutCancel(ctx))
			}
			return err
		},
		"capture": func(ctx context.Context, s *Source) error {
			name := devstack.Name(t)
			stream, err := s.Capture(ctx, name, "")
			if err == nil {
				err = stream.Close(ctx)
			}
			if left := d.source(Config{Shape: shape}).Release(ctx, name); left != nil {
				t.Error(left)
			}
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			cuts := 0
			for after := 1; lookThrough(t, d.DSN, shape, after, look) != nil; after++ {
				if cuts++; cuts > 200 {
					t.Fatal("it fails though the connection holds")
				}
			}
			if cuts < 2 || cuts < 10 && what != "captures" {
				t.Errorf("the connection broke at %d places only: it was not used", cuts)
			}
		})
	}
}

// lookThrough looks at a source over a connection that breaks at the client's n-th message.
func lookThrough(t *testing.T, dsn string, shape sources.Shape, n int, look func(context.Context, *Source) error) error {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	u.Host = listener.Addr().String()
	var group errgroup.Group
	group.Go(func() error { return pass(listener, server, n) })
	source, err := New(Config{DSN: u.String(), Shape: shape, MaxConnections: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err = look(t.Context(), source); err != nil && !strings.Contains(err.Error(), "on "+u.Host) {
		t.Errorf("broken at message %d: the error does not name the server: %v", n, err)
	}
	_ = listener.Close()
	if err := group.Wait(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	return err
}

// pass hands on what the two sides of each connection say, until the clients have sent n times.
func pass(listener net.Listener, server string, n int) error {
	var group errgroup.Group
	var sent atomic.Int64
	for {
		client, err := listener.Accept()
		if err != nil {
			return errors.Join(err, group.Wait())
		}
		there, err := net.Dial("tcp", server)
		if err != nil {
			return errors.Join(err, client.Close())
		}
		group.Go(func() error {
			_, _ = io.Copy(client, there)
			return client.Close()
		})
		group.Go(func() error {
			buffer := make([]byte, 64<<10)
			for int(sent.Add(1)) <= n {
				read, err := client.Read(buffer)
				if err != nil {
					break
				}
				if _, err := there.Write(buffer[:read]); err != nil {
					break
				}
			}
			return there.Close()
		})
	}
}
