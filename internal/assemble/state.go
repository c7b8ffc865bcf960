package assemble

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"humpty/internal/config"
	"humpty/internal/ownfile"
	"humpty/internal/problem"
	"humpty/projector/checkpoint"
)

// State is the folder of what live runs must not forget: a folder for each projection, and
// in it one for each run.
type State struct {
	Dir   string
	Fatal func(error) // ends the process when the folder cannot be written any more; see checkpoint.Options
}

// StateOf is the folder that a flag names, or else the file, or else the user's own for
// state. It is made when something is stored.
func StateOf(c *config.Config, flag string, env func(string) (string, bool)) (State, error) {
	if dir := cmp.Or(flag, c.State); dir != "" {
		return State{Dir: dir}, nil
	}
	if dir, ok := env("XDG_STATE_HOME"); ok && filepath.IsAbs(dir) {
		return State{Dir: filepath.Join(dir, "humpty")}, nil
	}
	home, ok := env("HOME")
	if !ok || !filepath.IsAbs(home) {
		var l problem.List
		l.Add(c.File, "name one: state: in the file, or --state DIR", "there is no home folder to keep the state of a live run in")
		return State{}, l
	}
	return State{Dir: filepath.Join(home, ".local", "state", "humpty")}, nil
}

// folder is a run's own.
func (s State) folder(projection, run string) string { return s.runFolder(projection, run).dir }

// partDir is where parts of a run's source keep what they need, by the names of their captures:
// the run's, or that and the part's.
func (s State) partDir(projection, what string) func(capture string) string {
	return func(capture string) string {
		run, part, _ := strings.Cut(capture, "_part")
		return filepath.Join(s.folder(projection, run), what+part)
	}
}

// ownFolders makes the folder of a run and that of its projection this account's alone: they hold
// documents.
func ownFolders(dir string) error {
	if err := ownfile.Folder(filepath.Dir(dir)); err != nil {
		return err
	}
	return ownfile.Folder(dir)
}

// Begin makes the marks of a new run.
func (s State) Begin(projection, run string) (*checkpoint.Store, error) {
	folder := s.runFolder(projection, run)
	if err := folder.make(); err != nil {
		return nil, fmt.Errorf("make the state folder: %w\n    name another: state: in the file, or --state DIR", err)
	}
	return checkpoint.Open(folder.dir, checkpoint.Options{Fatal: s.Fatal})
}

// Open opens the marks of a run that began here. It fails while another process has them.
func (s State) Open(projection, run string) (*checkpoint.Store, error) {
	store, err := s.open(projection, run, checkpoint.Options{Fatal: s.Fatal})
	if err != nil {
		return nil, err
	}
	if err := s.runFolder(projection, run).mark(); err != nil { // of an earlier version
		return nil, errors.Join(fmt.Errorf("run %s: %w", run, err), store.Close())
	}
	return store, nil
}

// Look opens the marks of a run to read them: nothing in its folder changes.
func (s State) Look(projection, run string) (*checkpoint.Store, error) {
	return s.open(projection, run, checkpoint.Options{ReadOnly: true})
}

func (s State) open(projection, run string, o checkpoint.Options) (*checkpoint.Store, error) {
	folder := s.runFolder(projection, run)
	if why := folder.foreign(); why != "" {
		return nil, &problem.Refusal{
			Why:    fmt.Sprintf("nothing is known of run %s of projection %s in the state folder %s (%s)", run, projection, s.Dir, why),
			Remedy: fmt.Sprintf("name the folder that it began with (state:, --state), or begin anew: humpty rebuild %s", projection),
		}
	}
	if !o.ReadOnly {
		if err := ownFolders(folder.dir); err != nil {
			return nil, fmt.Errorf("open the state folder: %w", err)
		}
	}
	store, err := checkpoint.Open(folder.dir, o)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w\n    another process may be at work on it (humpty status %s), or the folder is damaged", run, err, projection)
	}
	return store, nil
}

// Has tells whether something is known of a run.
func (s State) Has(projection, run string) bool { return s.runFolder(projection, run).foreign() == "" }

// Runs are those of a projection of which something is known, the oldest first.
func (s State) Runs(projection string) ([]string, error) {
	runs, _, err := s.entries(projection)
	return runs, err
}

// Foreign are the files and folders that lie among the runs of a projection and are none, with
// the reason. They are not touched.
func (s State) Foreign(projection string) ([]ForeignPath, error) {
	_, foreign, err := s.entries(projection)
	return foreign, err
}

// Refused is what was said last of the documents that a run could not write; nil for nothing.
// It can be read while a process has the marks of the run.
func (s State) Refused(projection, run string) (*checkpoint.Refused, error) {
	folder := s.runFolder(projection, run)
	if folder.foreign() != "" {
		return nil, nil
	}
	return checkpoint.ReadRefused(folder.dir)
}

// Feeding is what was said last of a generation that a process feeds; nil for nothing.
func (s State) Feeding(projection, run string) (*checkpoint.Feeding, error) {
	folder := s.runFolder(projection, run)
	if folder.foreign() != "" {
		return nil, nil
	}
	return checkpoint.ReadFeeding(folder.dir)
}

// AskFence asks the process that has the marks of a run to say when all that is committed now is
// written; see checkpoint.AskFence.
func (s State) AskFence(projection, run, question string) error {
	folder := s.runFolder(projection, run)
	if why := folder.foreign(); why != "" {
		return fmt.Errorf("%s is no folder of run %s: %s", folder.dir, run, why)
	}
	return checkpoint.AskFence(folder.dir, question)
}

// Definition is the definition by which a run made its generation; nil where none was stored. It
// is foreign input: what it is must be held against the generation's hash.
func (s State) Definition(projection, run string) (text []byte, err error) {
	folder := s.runFolder(projection, run)
	if folder.foreign() != "" {
		return nil, nil
	}
	if text, err = checkpoint.ReadDefinition(folder.dir); err != nil || text != nil {
		return text, err
	}
	store, err := s.Look(projection, run) // a run of an earlier version, or one that died at its beginning
	if err != nil {
		return nil, err
	}
	was, err := checkpoint.ReadRun(store)
	if err == nil && was != nil {
		text, err = was.Text, store.Notices.PublishDefinition(was.Text)
	}
	return text, errors.Join(err, store.Close())
}

// Resumable are the runs of a projection that can be resumed: not those that ended,
// nor those that a process is at work on.
func (s State) Resumable(projection string) ([]checkpoint.Run, error) {
	runs, err := s.Runs(projection)
	if err != nil {
		return nil, err
	}
	var all []checkpoint.Run
	for _, run := range runs {
		store, err := s.Look(projection, run)
		if err != nil {
			continue // a process has it
		}
		stored, err := checkpoint.ReadRun(store)
		if err = errors.Join(err, store.Close()); err != nil {
			return nil, fmt.Errorf("read run %s in the state folder %s: %w", run, s.Dir, err)
		}
		if stored != nil && stored.Ended == nil {
			all = append(all, *stored)
		}
	}
	return all, nil
}

// Forget removes what is known of a run; a folder that is not its own stays.
func (s State) Forget(projection, run string) error {
	folder := s.runFolder(projection, run)
	if folder.foreign() != "" {
		return nil
	}
	if err := os.RemoveAll(folder.dir); err != nil {
		return fmt.Errorf("remove the state of run %s: %w", run, err)
	}
	return nil
}

// LogPath is the file in which a run says what it does, for those who were not there.
func (s State) LogPath(projection, run string) string {
	return filepath.Join(s.folder(projection, run), "run.log")
}
