package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// close drops all that the history made, however it ended, and complains about what humpty left on
// the source of one that was right.
func (w *world) close(ctx context.Context, failed bool) error {
	ctx = context.WithoutCancel(ctx)
	var err error
	if p, ok := w.engine.(*builtProgram); ok {
		p.proxy.Close()
	}
	if w.late != nil {
		err = errors.Join(err, w.late.land())
	}
	if w.producer != nil {
		err = errors.Join(err, w.producer.close(ctx))
	}
	err = errors.Join(err, w.dropIndexes(ctx))
	if w.dsn != "" && w.mortal == nil {
		err = errors.Join(err, w.dropDatabase(ctx, failed))
	}
	if w.mortal != nil {
		err = errors.Join(err, w.mortal.stack.Close())
	}
	return errors.Join(err, os.RemoveAll(w.dir))
}

// dropIndexes drops the generations by their names: a target may not allow patterns.
func (w *world) dropIndexes(ctx context.Context) error {
	text, err := w.call(ctx, http.MethodGet, "/_cat/indices/"+w.alias+"-*?h=index&format=json&expand_wildcards=all")
	if err != nil {
		return err
	}
	var all []struct{ Index string }
	if err := json.Unmarshal(text, &all); err != nil {
		return fmt.Errorf("list the indexes of %s: %w", w.alias, err)
	}
	for _, one := range all {
		_, dropErr := w.call(ctx, http.MethodDelete, "/"+one.Index)
		err = errors.Join(err, dropErr)
	}
	_, leaseErr := w.call(ctx, http.MethodDelete, "/humpty-leases/_doc/"+w.alias)
	return errors.Join(err, leaseErr)
}

// call asks the target. What is not there is no error.
func (w *world) call(ctx context.Context, method, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, w.Elasticsearch+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 && res.StatusCode != http.StatusNotFound {
		err = fmt.Errorf("%s %s: %d %.300s", method, path, res.StatusCode, text)
	}
	return text, err
}

// dropDatabase drops it with its slots, which would keep the server's log for ever.
func (w *world) dropDatabase(ctx context.Context, failed bool) error {
	admin, err := pgx.Connect(ctx, w.Postgres)
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close(ctx) }()
	database := strings.ReplaceAll(w.alias, "-", "_")
	var slots int
	if err := admin.QueryRow(ctx, "select count(*) from pg_replication_slots where database = $1", database).Scan(&slots); err != nil {
		return err
	}
	if slots > 0 && !failed {
		err = fmt.Errorf("%d slots are left in database %s", slots, database)
	}
	_, dropErr := admin.Exec(ctx, "drop database "+pgx.Identifier{database}.Sanitize()+" with (force)")
	if slots == 0 || dropErr == nil {
		return errors.Join(err, dropErr)
	}
	conn, connErr := pgx.Connect(ctx, w.dsn)
	if connErr != nil {
		return errors.Join(err, dropErr, connErr)
	}
	releaseErr := releaseSlots(ctx, conn)
	_ = conn.Close(ctx)
	_, dropErr = admin.Exec(ctx, "drop database "+pgx.Identifier{database}.Sanitize()+" with (force)")
	return errors.Join(err, releaseErr, dropErr)
}

// releaseSlots drops the slots of a connection's database, also those that a process reads.
func releaseSlots(ctx context.Context, conn *pgx.Conn) error {
	for {
		var left int
		err := conn.QueryRow(ctx, `with ended as (select pg_terminate_backend(active_pid) from pg_replication_slots where database = current_database() and active),
			dropped as (select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database() and not active)
			select (select count(*) from ended) + (select count(*) from dropped)`).Scan(&left)
		if err != nil || left == 0 {
			return err
		}
	}
}

// keep leaves what a failed history was in a folder, and gives its name.
func (w *world) keep(report Report, failure error) (string, error) {
	folder := filepath.Join(w.Failures, fmt.Sprintf("%s-%d", w.plan.Mode, w.plan.Seed))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	plan, err := json.MarshalIndent(struct {
		Plan
		Replay string `json:"replay"`
		Report Report `json:"report"`
	}{*w.plan, w.replay(w.plan.Seed, w.plan.Mode), report}, "", " ")
	files := map[string][]byte{"plan.json": plan, "journal.txt": []byte(w.journal.text()), "error.txt": []byte(failure.Error() + "\n")}
	if file, readErr := os.ReadFile(filepath.Join(w.dir, configurationFile)); readErr == nil {
		files[configurationFile] = file
	}
	for name, text := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(folder, name), text, 0o644))
	}
	return folder, err
}
