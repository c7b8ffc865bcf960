package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Files in the folder of a store, for those that cannot open it while a process has it.
const (
	definitionFile = "definition.json" // by which the run makes its generation
	feedingFile    = "feeding.json"
	fenceFile      = "fence.asked"
)

// maxRead is the most that is read of such a file.
const maxRead = 64 << 20

// Notices are what the process that has a store says, and is asked, in files beside it: nobody
// else can open the store meanwhile.
type Notices struct {
	fs  vfs.FS
	dir string
}

// PublishDefinition says by which definition the run makes its generation.
func (n Notices) PublishDefinition(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	return n.publish(definitionFile, text)
}

// ReadDefinition reads the definition from the folder of a store; nil where it was not stored.
func ReadDefinition(dir string) ([]byte, error) {
	return readFile(filepath.Join(dir, definitionFile))
}

// Feeding is what a process says of a generation that it feeds though another one serves.
type Feeding struct {
	Generation string    `json:"generation"`
	At         time.Time `json:"at"`
	Until      time.Time `json:"until,omitzero"`     // how long it is fed; zero: without end
	Trouble    string    `json:"trouble,omitempty"`  // why it is not kept up to date now
	Lost       bool      `json:"lost,omitempty"`     // changes are missing: only a comparison makes it right
	Answered   string    `json:"answered,omitempty"` // the question of AskFence behind which all is written
}

// PublishFeeding replaces what is said, in one step.
func (n Notices) PublishFeeding(now Feeding) error {
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	return n.publish(feedingFile, text)
}

// ReadFeeding reads what was said last in the folder of a store; nil for nothing.
func ReadFeeding(dir string) (*Feeding, error) {
	text, err := readFile(filepath.Join(dir, feedingFile))
	if err != nil || text == nil {
		return nil, err
	}
	var f Feeding
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("read how the generation of %s is fed: %w", dir, err)
	}
	return &f, nil
}

// AskFence asks the process that has the store in a folder to say (Feeding.Answered) when all
// that is committed now is written.
func AskFence(dir, question string) error {
	return replaceFile(vfs.Default, filepath.Join(dir, fenceFile), []byte(question))
}

// AskedFence is the last question; empty for none.
func (n Notices) AskedFence() (string, error) {
	file, err := n.fs.Open(n.fs.PathJoin(n.dir, fenceFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(file, 1<<10))
	return string(text), errors.Join(err, file.Close())
}

func (n Notices) publish(name string, text []byte) error {
	if err := replaceFile(n.fs, n.fs.PathJoin(n.dir, name), text); err != nil {
		return fmt.Errorf("write %s in the state folder %s: %w", name, n.dir, err)
	}
	return nil
}

// readFile reads one file up to the bound; nil where there is none.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxRead+1))
	if err == nil && len(text) > maxRead {
		err = fmt.Errorf("%s has more than %d MB", path, maxRead>>20)
	}
	return text, err
}
