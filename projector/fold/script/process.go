package script

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// process is one that runs a module. It is used by one goroutine.
type process struct {
	cmd    *exec.Cmd
	limits Limits
	in     io.WriteCloser
	out    *bufio.Reader
	said   io.Reader // its last words
}

// ended is that a process ended before it answered.
type ended struct {
	reason string
	blamed bool // what it did is why, not the machine around it
}

func (e *ended) Error() string { return "the process of the script ended: " + e.reason }

// startTime is how long a process may take to be there.
const startTime = time.Minute

// startProcess starts one and has it load the module.
func startProcess(ctx context.Context, l *load) (_ *process, err error) {
	if os.Getenv(workerVariable) != "" {
		return nil, errors.New("fold: a script cannot be run by the process of a script: the program's main has to call script.Main first")
	}
	p := &process{limits: l.Limits}
	if err := p.start(); err != nil {
		return nil, fmt.Errorf("fold: the process of the script %s does not start: %w", l.Name, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, fmt.Errorf("it is not there after %v", startTime))
	defer cancel()
	if err := p.prepare(ctx, l); err != nil {
		return nil, fmt.Errorf("fold: %w", err)
	}
	return p, nil
}

// start runs this program again. What it needs not know it is not told: its environment is
// empty, and its time zone is UTC wherever it runs.
func (p *process) start() (err error) {
	self := "/proc/self/exe" // the same file, also where another version lies there by now
	if runtime.GOOS != "linux" {
		if self, err = os.Executable(); err != nil {
			return err
		}
	}
	p.cmd = exec.Command(self) //nolint:noctx // it outlives the call; its caller ends it with the context
	p.cmd.Env = []string{workerVariable + "=1", "TZ=UTC", "GOTRACEBACK=none", "SYSTEMROOT=" + os.Getenv("SYSTEMROOT")}
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if p.said, err = p.cmd.StderrPipe(); err != nil {
		return err
	}
	p.out = bufio.NewReaderSize(out, 1<<16)
	return p.cmd.Start()
}

// prepare waits until the process is there and has loaded the module.
func (p *process) prepare(ctx context.Context, l *load) error {
	stop := context.AfterFunc(ctx, p.kill)
	defer stop()
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	said := make([]byte, len(greeting))
	if _, err := io.ReadFull(p.out, said); err != nil || string(said) != greeting {
		p.kill()
		return errors.Join(context.Cause(ctx), fmt.Errorf("the program does not run scripts: its main has to call script.Main first (%w)", p.end()))
	}
	var f frame
	f.begin(frameLoad)
	f.data = append(f.data, text...)
	err = f.send(p.in)
	kind := byte(0)
	if err == nil {
		kind, err = f.receive(p.out)
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return errors.Join(context.Cause(ctx), p.end())
	case err != nil:
		end := p.end()
		return fmt.Errorf("%s:1:1: loading it was stopped: %s", l.Name, end.reason)
	case kind == frameReady:
		return nil
	}
	p.kill()
	_ = p.end() // it was killed
	return fmt.Errorf("%s", f.nextBytes())
}

func (p *process) kill() { _ = p.cmd.Process.Kill() } // what ended already is no matter

// converse sends a request and receives the answer; begun is the last event that the process
// said it begins with. After an error the process is gone.
func (p *process) converse(ctx context.Context, request, answer *frame) (begun int, err error) {
	stop := context.AfterFunc(ctx, p.kill)
	defer stop()
	begun = -1
	err = request.send(p.in)
	for err == nil {
		var kind byte
		if kind, err = answer.receive(p.out); err == nil && kind == frameMade {
			return begun, nil
		}
		if kind == frameBegun {
			begun = int(answer.nextNumber())
		}
	}
	end := p.end()
	if ctx.Err() != nil {
		return begun, context.Cause(ctx)
	}
	return begun, end
}

// end waits for the end of the process and says why it was.
func (p *process) end() *ended {
	_ = p.in.Close() // it ends with its input
	words, _ := io.ReadAll(io.LimitReader(p.said, 1<<16))
	_ = p.cmd.Wait() // the state says it
	state := p.cmd.ProcessState
	first, _, _ := strings.Cut(strings.TrimSpace(string(words)), "\n")
	has := func(some ...string) bool {
		return slices.ContainsFunc(some, func(text string) bool { return strings.Contains(string(words), text) })
	}
	switch code := state.ExitCode(); {
	case code == exitSlow:
		return &ended{p.limits.slow(), true}
	case code == 2 && has("stack overflow", "stack exceeds"):
		return &ended{"a native function nests too deep (JSON.parse or String of something very deep)", true}
	case code == exitLarge, code == 2 && has("memory", "cannot map", "new OS thread"), // the runtime cannot do without
		code == 66 && has("ThreadSanitizer failed to allocate"): // a program built with -race
		return &ended{p.limits.large(), true}
	case code == 2:
		return &ended{"the interpreter failed: " + first, true}
	case code >= 0:
		return &ended{fmt.Sprintf("exit code %d, %s", code, first), false}
	}
	return &ended{state.String(), false}
}
