package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"humpty/bench/internal/result"
	"humpty/internal/testenv/chaos"
	"humpty/internal/testenv/devstack"
	"humpty/projector"
)

// chaosVerb tries the live protocol by many random histories.
type chaosVerb struct {
	*bench
	campaign campaign
}

func (v *chaosVerb) command() *cobra.Command {
	var modes, troubles []string
	for _, m := range chaos.Modes() {
		modes = append(modes, string(m))
	}
	for _, t := range chaos.Troubles() {
		troubles = append(troubles, string(t))
	}
	c := &v.campaign
	var mode string
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Try the live protocol by many random histories",
		Long: `Try the live protocol by many random histories: a random schema of includes, random writers,
a rebuild beside them that is interrupted and goes on, attempts that land late. When all
rests, the index must equal what SQL says, byte for byte. A failing seed says how to replay it,
and leaves its plan, its configuration and all that was said in a folder of --failures.

Each seed draws some of --troubles:
  generated    stored generated columns are values of documents, and filters
  toggle       rows go there and back again at a high rate
  crash        PostgreSQL (one of the history's own) dies, and commits that nobody waited for are lost
  identity     replica identities and primary keys are changed
  publication  what is published is changed
  partition    tables and topics get partitions, or lose them
  log          topics lose events, or are made again (with --program)
  late         bulk requests land at any time, once or twice, also behind the swap
A run that one of these ends must say so, and a new rebuild must be right, where there can be one.
What happened how often is shown at the end, with what never happened.

With --program it is the built program that runs, and is killed again and again; documents are
of tables, of topics whose events are produced beside (in transactions that are committed,
aborted or open for long, and without; tombstones, poison), or of both.

With --keep, a line for each mode is appended to chaos/ in --results: the commit, which seeds,
how many histories, and those that failed.`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&mode, "mode", "", "only this way to swap: snapshot, freeze, follow or handover; all if empty")
	c.bind(f, troubles)
	v.servers.bind(f)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if mode != "" {
			if err := checkOneOf("--mode", mode, modes); err != nil {
				return err
			}
			modes = []string{mode}
		}
		if c.parallel < 1 {
			return errors.New("--parallel is 1 at least")
		}
		for _, m := range modes {
			c.modes = append(c.modes, projector.Writer(m))
		}
		for _, t := range c.troubles {
			if err := checkOneOf("--troubles", t, append(troubles, noTroubles)); err != nil {
				return err
			}
		}
		v.servers.volatile = true // nobody cuts the power here
		if !f.Changed("heap") {
			v.servers.heap = "" // small indices: what is quick to start is quicker
		}
		return v.histories(cmd.Context())
	}
	return cmd
}

func (c *campaign) bind(f *pflag.FlagSet, troubles []string) {
	f.Uint64Var(&c.seeds, "seeds", 20, "how many seeds, each with every mode")
	f.Uint64Var(&c.first, "first", 0, "the first seed")
	f.StringSliceVar(&c.troubles, "troubles", troubles, "what seeds may draw; none for none of it")
	f.BoolVar(&c.always, "always", false, "every history has all of --troubles")
	f.StringVar(&c.failures, "failures", filepath.Join(os.TempDir(), "humpty-chaos"), "folder for what failed histories were")
	f.BoolVar(&c.standby, "standby", false, "with a synchronous standby that acknowledges up to 200 ms late")
	f.BoolVar(&c.program, "program", false, "with topics, by the built program, which is killed")
	f.IntVar(&c.parallel, "parallel", 1, "histories at once, on the same servers")
	f.DurationVar(&c.most, "most", 0, "begin no more histories after this time; 0: all of them")
	f.BoolVar(&c.keep, "keep", false, "keep what came of it in --results")
}

// noTroubles is how --troubles is empty.
const noTroubles = "none"

func checkOneOf(flag, value string, allowed []string) error {
	if !slices.Contains(allowed, value) {
		return fmt.Errorf("%s %q: one of %v", flag, value, allowed)
	}
	return nil
}

// histories brings the servers up, and lets the campaign have them.
func (v *chaosVerb) histories(ctx context.Context) (err error) {
	c := &v.campaign
	products := []string{string(devstack.KindElasticsearch)}
	var place chaos.Place
	if c.program {
		products = append(products, productKafka)
		dir, err := os.MkdirTemp("", "humpty-chaos-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
		place.Program = filepath.Join(dir, "humpty")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", place.Program, "humpty/cmd/humpty").CombinedOutput(); err != nil {
			return fmt.Errorf("build humpty: %w\n%s", err, out)
		}
	}
	s, err := startServers(ctx, v.servers, v.say, products...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if c.standby {
		stop, err := chaos.Standby(ctx, s.dsn)
		if err != nil {
			return err
		}
		defer func() {
			if err := stop(); err != nil {
				v.say("%v", err)
			}
		}()
	}
	place.Postgres, place.Elasticsearch, place.Kafka = s.dsn, s.search[string(devstack.KindElasticsearch)], s.kafka
	place.Failures, place.Always = c.failures, c.always
	for _, t := range c.troubles {
		if t != noTroubles && (!c.standby || t != string(chaos.Crash)) { // a server of its own has no standby
			place.Troubles = append(place.Troubles, chaos.Trouble(t))
		}
	}
	place.Name = "chaos-" + strconv.FormatInt(time.Now().Unix(), 36)
	return c.run(ctx, v.bench, place)
}

// campaign is many histories.
type campaign struct {
	first, seeds  uint64
	modes         []projector.Writer
	standby, keep bool
	program       bool // with topics, and killed
	parallel      int
	most          time.Duration // 0: no bound
	troubles      []string
	always        bool   // all troubles in each history
	failures      string // folder

	mu    sync.Mutex
	kept  map[projector.Writer]*outcome
	wrong []error
}

// circumstances are how a campaign's histories were made.
type circumstances struct {
	Run      string           `json:"run"`
	Commit   string           `json:"commit"`
	Dirty    bool             `json:"dirty"` // the checkout differed from the commit
	Mode     projector.Writer `json:"mode"`
	Standby  bool             `json:"standby"`
	Parallel int              `json:"parallel"`
	Program  bool             `json:"program"` // by the built program, with topics
	Troubles []string         `json:"troubles"`
	Always   bool             `json:"always"`
}

// outcome is what came of a campaign's histories of one mode: a line of a results file.
type outcome struct {
	circumstances

	First     uint64   `json:"first"` // the smallest and largest seed
	Last      uint64   `json:"last"`
	Histories int      `json:"histories"`
	Failed    []uint64 `json:"failed"` // seeds

	Seconds      float64 `json:"seconds"` // of all histories, one after the other
	Transactions int64   `json:"transactions"`
	Reread       int64   `json:"reread"`
	Late         int     `json:"late"`      // attempts that nobody waited for
	Resumed      int     `json:"resumed"`   // runs that were interrupted and gone on with
	Unsettled    int64   `json:"unsettled"` // documents that a handover reported

	Mixed  int   `json:"mixed"`  // histories with topics
	Events int64 `json:"events"` // transactions of events
	Kills  int   `json:"kills"`

	Happened map[string]int64 `json:"happened"` // by kind, also what never happened
}

// run makes the histories; what ends it early does not lose what came of those before.
func (c *campaign) run(ctx context.Context, b *bench, place chaos.Place) error {
	stamp := result.NewStamp(ctx, "chaos")
	c.kept = map[projector.Writer]*outcome{}
	for _, mode := range c.modes {
		c.kept[mode] = &outcome{
			circumstances: circumstances{Run: stamp.Run, Commit: stamp.Commit, Dirty: stamp.Dirty, Mode: mode, Standby: c.standby, Parallel: c.parallel, Program: c.program, Troubles: c.troubles, Always: c.always},
			Failed:        []uint64{}, Happened: map[string]int64{},
		}
	}
	begun := time.Now()
	var group errgroup.Group
	group.SetLimit(c.parallel)
	for seed := c.first; seed < c.first+c.seeds; seed++ {
		for _, mode := range c.modes {
			if ctx.Err() == nil && (c.most == 0 || time.Since(begun) < c.most) {
				group.Go(func() error { return c.history(ctx, b, place, seed, mode) })
			}
		}
	}
	err := group.Wait()
	err = errors.Join(append(slices.Clone(c.wrong), err)...)
	histories := 0
	for _, o := range c.kept {
		histories += o.Histories
	}
	c.table(b)
	b.say("%d histories, %d wrong", histories, len(c.wrong))
	if c.keep && histories > 0 {
		err = errors.Join(err, c.write(filepath.Join(b.results, "chaos"), stamp))
	}
	return err
}

// table shows how often each kind of thing happened, by mode.
func (c *campaign) table(b *bench) {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, value func(*outcome) any) {
		for _, m := range c.modes {
			fmt.Fprintf(w, "%v\t", value(c.kept[m]))
		}
		fmt.Fprintf(w, "  %s\n", name)
	}
	row("", func(o *outcome) any { return o.Mode })
	row("histories", func(o *outcome) any { return o.Histories })
	row("wrong", func(o *outcome) any { return len(o.Failed) })
	row("transactions", func(o *outcome) any { return o.Transactions })
	row("transactions of events", func(o *outcome) any { return o.Events })
	row("kills of the program", func(o *outcome) any { return o.Kills })
	row("runs resumed", func(o *outcome) any { return o.Resumed })
	for _, kind := range chaos.Kinds() {
		row(kind, func(o *outcome) any { return o.Happened[kind] })
	}
	_ = w.Flush() // into memory
	b.say("%s", text.String())
}

// history makes one, and counts it unless it was cut short.
func (c *campaign) history(ctx context.Context, b *bench, place chaos.Place, seed uint64, mode projector.Writer) error {
	report, wrong := chaos.Run(ctx, place, seed, mode)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.kept[mode]
	if o.Histories == 0 {
		o.First = seed
	}
	o.First, o.Last = min(o.First, seed), max(o.Last, seed)
	o.Histories++
	o.Seconds += report.Seconds
	o.Transactions += report.Transactions
	o.Reread += report.Reread
	o.Late += report.Late
	o.Unsettled += report.Unsettled
	o.Events += report.Events
	o.Kills += len(report.Kills)
	for kind, n := range report.Happened {
		o.Happened[kind] += n
	}
	if report.Topics > 0 {
		o.Mixed++
	}
	if report.Resumed {
		o.Resumed++
	}
	if wrong != nil {
		o.Failed = append(o.Failed, seed)
		c.wrong = append(c.wrong, wrong)
		b.say("%v", wrong)
		return nil
	}
	return json.NewEncoder(b.out).Encode(report)
}

// write keeps a line for each mode that had histories.
func (c *campaign) write(folder string, stamp result.Stamp) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("keep what came of the histories: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(folder, stamp.FileName()), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("keep what came of the histories: %w", err)
	}
	for _, mode := range c.modes {
		if o := c.kept[mode]; o.Histories > 0 {
			err = errors.Join(err, json.NewEncoder(file).Encode(o))
		}
	}
	return errors.Join(err, file.Close())
}
