package clock

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Clock is the time of day of one process.
type Clock struct {
	pid    int
	offset int64 // where in its memory the seconds to add are
}

// Of takes over the clock of a process, which keeps the time that it has until Set.
func Of(pid int) (*Clock, error) {
	v, err := vdsoOf(pid)
	if err != nil {
		return nil, fmt.Errorf("take over the clock of process %d: %w", pid, err)
	}
	return v.install()
}

// Set makes the clock wrong by whole seconds, from now on.
func (c *Clock) Set(offset time.Duration) error {
	return write(c.pid, c.offset, binary.LittleEndian.AppendUint64(nil, uint64(offset/time.Second)))
}

// code is what is called in place of clock_gettime, with the clock in edi and a timespec in rsi. It ends
// where the offset is.
var code = []byte{
	0xb8, 0xe4, 0x00, 0x00, 0x00, // mov eax, 228: clock_gettime
	0x0f, 0x05, // syscall
	0x85, 0xff, // test edi, edi
	0x75, 0x0a, // jnz to ret: not CLOCK_REALTIME
	0x48, 0x8b, 0x0d, 0x06, 0x00, 0x00, 0x00, // mov rcx, [rip+6]: the offset
	0x48, 0x01, 0x0e, // add [rsi], rcx: to the seconds
	0xc3,       // ret
	0x90, 0x90, // nop, so that the offset is six bytes behind mov
}

const (
	jumpSize = 5 // jmp rel32
	slot     = 8 // the offset
)

type vdso struct {
	pid         int
	start       int64
	replaced    int64 // clock_gettime
	replacement int64 // a function that Go does not call, with room for code
}

func vdsoOf(pid int) (*vdso, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, err
	}
	v := &vdso{pid: pid}
	var image []byte
	for line := range strings.Lines(string(maps)) {
		if !strings.HasSuffix(strings.TrimSpace(line), "[vdso]") {
			continue
		}
		from, to, _ := strings.Cut(strings.Fields(line)[0], "-")
		start, err1 := strconv.ParseInt(from, 16, 64)
		end, err2 := strconv.ParseInt(to, 16, 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		v.start, image = start, make([]byte, end-start)
	}
	if image == nil {
		return nil, errors.New("it has no vDSO")
	}
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return nil, err
	}
	defer memory.Close()
	if _, err := memory.ReadAt(image, v.start); err != nil {
		return nil, err
	}
	return v, v.find(image)
}

func (v *vdso) find(image []byte) error {
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return err
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return err
	}
	for _, s := range symbols {
		switch {
		case s.Name == "__vdso_clock_gettime":
			v.replaced = v.start + int64(s.Value)
		case s.Name == "__vdso_gettimeofday" && s.Size >= uint64(len(code)+slot):
			v.replacement = v.start + int64(s.Value)
		}
	}
	if v.replaced == 0 || v.replacement == 0 {
		return errors.New("its vDSO has not the functions that are looked for")
	}
	return nil
}

// install puts the code in its place, and then the jump to it, while no thread is about to run what the jump
// is written over.
func (v *vdso) install() (*Clock, error) {
	c := &Clock{pid: v.pid, offset: v.replacement + int64(len(code))}
	if err := write(v.pid, v.replacement, append(bytes.Clone(code), make([]byte, slot)...)); err != nil {
		return nil, err
	}
	jump := binary.LittleEndian.AppendUint32([]byte{0xe9}, uint32(v.replacement-v.replaced-jumpSize))
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		quiet, err := v.stopped(func() error { return write(v.pid, v.replaced, jump) })
		if quiet || err != nil {
			return c, err
		}
		time.Sleep(time.Millisecond)
	}
	return nil, fmt.Errorf("process %d is never outside of clock_gettime", v.pid)
}

// stopped calls f while the process is stopped, unless one of its threads is at the instructions that the jump
// is written over.
func (v *vdso) stopped(f func() error) (quiet bool, err error) {
	if err := syscall.Kill(v.pid, syscall.SIGSTOP); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, syscall.Kill(v.pid, syscall.SIGCONT)) }()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", v.pid))
	if err != nil {
		return false, err
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if errors.Is(err, os.ErrNotExist) {
			continue // it has ended
		}
		if err != nil {
			return false, err
		}
		fields := strings.Fields(string(text))
		if len(fields) < 3 {
			return false, nil // "running": it has not stopped yet
		}
		at, err := strconv.ParseInt(strings.TrimPrefix(fields[len(fields)-1], "0x"), 16, 64)
		if err != nil {
			return false, err
		}
		if at > v.replaced && at < v.replaced+jumpSize {
			return false, nil
		}
	}
	return true, f()
}

func write(pid int, at int64, b []byte) error {
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer memory.Close()
	_, err = memory.WriteAt(b, at)
	return err
}
