package demo

import (
	"context"
	_ "embed" // the queries are kept as SQL
	"errors"
	"fmt"
	"strings"
	"time"

	"humpty/sources"

	"github.com/jackc/pgx/v5"
	kafkago "github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"
)

//go:embed sql/told.sql
var eventTableSQL string

//go:embed sql/parcel.sql
var parcelSQL string

//go:embed sql/parcels.oracle.sql
var parcelsOracle string

//go:embed sql/deliveries.oracle.sql
var deliveriesOracle string

// topicOracle says in SQL what the events of the topic fold to.
type topicOracle struct {
	postgres string // DSN
	broker   string
}

// copyTopic lays every event into a table, where SQL can ask for them: read by a plain
// client, partition after partition, with nothing of humpty's in between.
func (o *topicOracle) copyTopic(ctx context.Context) error {
	if err := o.run(ctx, eventTableSQL); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for p := range parcelPartitions {
		group.Go(func() error {
			t := &transcript{part: int32(p)}
			if err := t.open(ctx, o.broker); err != nil {
				return err
			}
			conn, err := pgx.Connect(ctx, o.postgres)
			if err != nil {
				return errors.Join(fmt.Errorf("demo: %w", err), t.close())
			}
			defer conn.Close(ctx)
			_, err = conn.CopyFrom(ctx, pgx.Identifier{"carrier", "event"}, []string{"part", "at", "doc"}, t)
			return errors.Join(err, t.close())
		})
	}
	return group.Wait()
}

// run executes statements.
func (o *topicOracle) run(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, o.postgres)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

// asOf makes the table of parcels as they are before some offsets: those of the model's
// _meta, by TOPIC/PARTITION, with an include's path before it.
func (o *topicOracle) asOf(ctx context.Context, positions map[string]string) error {
	var fences []string
	for p := range parcelPartitions {
		for id, at := range positions {
			if strings.HasSuffix(id, fmt.Sprintf("%s/%d", parcelTopic, p)) {
				offset, err := sources.OffsetOf(sources.Position(at))
				if err != nil {
					return fmt.Errorf("demo: the position of %s is no offset: %q", id, at)
				}
				fences = append(fences, fmt.Sprintf("(%d, %d)", p, offset))
			}
		}
	}
	if len(fences) != parcelPartitions {
		return fmt.Errorf("demo: the model knows the positions of %d partitions of %s, not of %d", len(fences), parcelTopic, parcelPartitions)
	}
	return o.run(ctx, fmt.Sprintf(parcelSQL, strings.Join(fences, ", ")))
}

// transcript reads one partition to the end that it has now, as rows for COPY.
type transcript struct {
	part  int32
	conn  *kafkago.Conn
	batch *kafkago.Batch
	next  int64
	end   int64
	row   []any
	err   error
}

func (t *transcript) open(ctx context.Context, broker string) (err error) {
	if t.conn, err = kafkago.DialLeader(ctx, "tcp", broker, parcelTopic, int(t.part)); err != nil {
		return fmt.Errorf("demo: read the topic: %w", err)
	}
	if t.next, t.end, err = t.conn.ReadOffsets(); err != nil {
		return fmt.Errorf("demo: read the topic: %w", err)
	}
	return nil
}

// Next reads one event; pgx calls it.
func (t *transcript) Next() bool {
	for t.err == nil && t.next < t.end {
		if t.batch == nil {
			if _, t.err = t.conn.Seek(t.next, kafkago.SeekAbsolute); t.err != nil {
				break
			}
			t.batch = t.conn.ReadBatchWith(kafkago.ReadBatchConfig{MinBytes: 1, MaxBytes: 4 << 20, MaxWait: time.Second})
		}
		m, err := t.batch.ReadMessage()
		if err == nil {
			t.next = m.Offset + 1
			t.row = []any{t.part, m.Offset, m.Value}
			return true
		}
		t.err = t.batch.Close() // the end of a batch is no error there
		t.batch = nil
	}
	return false
}

func (t *transcript) Values() ([]any, error) { return t.row, nil }

func (t *transcript) Err() error { return t.err }

func (t *transcript) close() error {
	if t.batch != nil {
		_ = t.batch.Close() // read, or given up: the connection goes with it
	}
	return t.conn.Close()
}
