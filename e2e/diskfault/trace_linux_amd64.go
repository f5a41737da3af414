package diskfault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// Supported tells whether there is a tracer for this machine.
const Supported = true

// A shape says where a system call has what it changes.
type shape struct {
	name   string
	fd     int  // the argument that is a descriptor; -1: none
	path   int  // the argument that is a path; -1: none
	opens  bool // counts only when it creates or empties a file
	socket bool // may as well be something that is no file
}

// calls are the system calls that change a disk, by their numbers on amd64.
var calls = map[uint64]shape{
	1:   {"write", 0, -1, false, true},
	18:  {"pwrite64", 0, -1, false, false},
	20:  {"writev", 0, -1, false, true},
	40:  {"sendfile", 0, -1, false, true},
	74:  {"fsync", 0, -1, false, false},
	75:  {"fdatasync", 0, -1, false, false},
	76:  {"truncate", -1, 0, false, false},
	77:  {"ftruncate", 0, -1, false, false},
	82:  {"rename", -1, 0, false, false},
	83:  {"mkdir", -1, 0, false, false},
	84:  {"rmdir", -1, 0, false, false},
	86:  {"link", -1, 0, false, false},
	87:  {"unlink", -1, 0, false, false},
	90:  {"chmod", -1, 0, false, false},
	91:  {"fchmod", 0, -1, false, false},
	257: {"openat", 0, 1, true, false},
	258: {"mkdirat", 0, 1, false, false},
	263: {"unlinkat", 0, 1, false, false},
	264: {"renameat", 0, 1, false, false},
	265: {"linkat", 0, 1, false, false},
	268: {"fchmodat", 0, 1, false, false},
	285: {"fallocate", 0, -1, false, false},
	316: {"renameat2", 0, 1, false, false},
	326: {"copy_file_range", 2, -1, false, false},
}

// A tracer runs a program and looks at its calls.
type tracer struct {
	mu      sync.Mutex // guards now
	now     control
	inside  map[int]bool          // threads that are in a call
	failing map[int]syscall.Errno // threads whose call is made to fail
	pid     int
}

// trace runs a program to its end and returns its exit code.
func trace(program string, args []string) (int, error) {
	t := &tracer{inside: make(map[int]bool), failing: make(map[int]syscall.Errno)}
	text, err := os.ReadFile(os.Getenv(faultEnv))
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(text, &t.now.fault); err != nil {
		return 0, err
	}
	l, err := listen(os.Getenv(socketEnv), t.set)
	if err != nil {
		return 0, err
	}
	defer l.Close()

	runtime.LockOSThread() // all requests of ptrace come from the thread that the program is a child of
	cmd := exec.Command(program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, programEnv+"=") }) // it may be the program of the test, too
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	t.pid = cmd.Process.Pid
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	go func() {
		for s := range signals {
			_ = syscall.Kill(t.pid, s.(syscall.Signal)) // it may have ended
		}
	}()
	code, err := t.loop()
	text, marshalErr := json.Marshal(t.set(Fault{}))
	if marshalErr == nil {
		marshalErr = os.WriteFile(os.Getenv(faultEnv)+seenEnding, text, 0o600)
	}
	return code, errors.Join(err, marshalErr)
}

func (t *tracer) set(f Fault) Seen {
	t.mu.Lock()
	defer t.mu.Unlock()
	seen := t.now.seen
	t.now = control{fault: f}
	return seen
}

const exitKill = 0x00100000 // PTRACE_O_EXITKILL

// loop follows the program's threads until it has ended.
func (t *tracer) loop() (int, error) {
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(t.pid, &status, syscall.WALL, nil); err != nil {
		return 0, err
	}
	options := syscall.PTRACE_O_TRACESYSGOOD | syscall.PTRACE_O_TRACECLONE | exitKill
	if err := syscall.PtraceSetOptions(t.pid, options); err != nil {
		return 0, fmt.Errorf("trace: %w", err)
	}
	next, deliver := t.pid, 0
	for {
		// A thread that ends meanwhile cannot be told to go on.
		if err := syscall.PtraceSyscall(next, deliver); err != nil && !errors.Is(err, syscall.ESRCH) {
			return 0, fmt.Errorf("trace: %w", err)
		}
		tid, err := syscall.Wait4(-1, &status, syscall.WALL, nil)
		if err != nil {
			return 0, fmt.Errorf("trace: wait: %w", err)
		}
		next, deliver = tid, 0
		switch {
		case status.Exited() || status.Signaled():
			delete(t.inside, tid)
			if tid != t.pid {
				continue
			}
			if status.Signaled() {
				return 128 + int(status.Signal()), nil
			}
			return status.ExitStatus(), nil
		case status.StopSignal() == syscall.SIGTRAP|0x80:
			t.stop(tid)
		case status.StopSignal() == syscall.SIGTRAP, status.StopSignal() == syscall.SIGSTOP:
			// A new thread, or the event of one.
		default:
			deliver = int(status.StopSignal())
		}
	}
}

// stop looks at a thread that enters a system call, or leaves it.
func (t *tracer) stop(tid int) {
	t.inside[tid] = !t.inside[tid]
	var regs syscall.PtraceRegs
	if t.inside[tid] {
		if syscall.PtraceGetRegs(tid, &regs) == nil {
			t.enter(tid, &regs)
		}
		return
	}
	errno, failing := t.failing[tid]
	if !failing {
		return
	}
	delete(t.failing, tid)
	if syscall.PtraceGetRegs(tid, &regs) == nil {
		regs.Rax = uint64(-int64(errno))
		_ = syscall.PtraceSetRegs(tid, &regs) // it has ended
	}
}

func (t *tracer) enter(tid int, regs *syscall.PtraceRegs) {
	c, ok := callOf(tid, regs)
	if !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f, seen := &t.now.fault, &t.now.seen
	if !f.matches(&c) {
		return
	}
	seen.Calls++
	if seen.Last = append(seen.Last, c.name+" "+c.path); len(seen.Last) > 200 {
		seen.Last = seen.Last[100:]
	}
	if !f.strikes(seen.Calls) {
		return
	}
	seen.Struck++
	if f.Errno == 0 {
		_ = syscall.Kill(t.pid, syscall.SIGKILL) // before the call: it is not made
		return
	}
	t.failing[tid] = f.Errno
	regs.Orig_rax = ^uint64(0) // a call that does not exist
	_ = syscall.PtraceSetRegs(tid, regs)
}

// callOf reads a call; false when it is none that changes a disk.
func callOf(tid int, regs *syscall.PtraceRegs) (call, bool) {
	s, ok := calls[regs.Orig_rax]
	if !ok {
		return call{}, false
	}
	args := [...]uint64{regs.Rdi, regs.Rsi, regs.Rdx}
	if s.opens && args[2]&(syscall.O_CREAT|syscall.O_TRUNC) == 0 {
		return call{}, false
	}
	c := call{name: s.name}
	if s.fd >= 0 {
		if fd := int32(args[s.fd]); fd >= 0 { // else the current directory
			c.path, _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, fd))
		}
	}
	if s.path >= 0 {
		path := readString(tid, args[s.path])
		if filepath.IsAbs(path) {
			c.path = path
		} else {
			c.path = filepath.Join(c.path, path)
		}
	}
	if s.socket && !filepath.IsAbs(c.path) {
		return call{}, false // a socket, a pipe
	}
	return c, true
}

// readString reads a path from the memory of a thread.
func readString(tid int, at uint64) string {
	buf := make([]byte, 4096)
	n, _ := syscall.PtracePeekData(tid, uintptr(at), buf[:512])
	text, _, _ := bytes.Cut(buf[:n], []byte{0})
	return string(text)
}
