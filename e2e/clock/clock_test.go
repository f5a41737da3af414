//go:build linux && amd64

package clock_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/clock"
)

// asked makes the test binary a process that tells its time for each line that it reads.
const asked = "CLOCK_TEST_TELL"

func TestMain(m *testing.M) {
	if os.Getenv(asked) == "" {
		os.Exit(m.Run())
	}
	begin := time.Now()
	go func() { // somebody is always reading the time
		for last := time.Now(); ; last = time.Now() {
			_ = last
		}
	}()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		now := time.Now()
		fmt.Println(now.Unix(), now.Sub(begin).Milliseconds())
	}
}

func TestSet(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asked+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { in.Close(); cmd.Wait() }()
	answers := bufio.NewReader(out)
	ask := func() (wall time.Time, since time.Duration) {
		t.Helper()
		if _, err := io.WriteString(in, "\n"); err != nil {
			t.Fatal(err)
		}
		line, err := answers.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		a, b, _ := strings.Cut(strings.TrimSpace(line), " ")
		seconds, _ := strconv.ParseInt(a, 10, 64)
		milliseconds, _ := strconv.ParseInt(b, 10, 64)
		return time.Unix(seconds, 0), time.Duration(milliseconds) * time.Millisecond
	}
	ask()
	c, err := clock.Of(cmd.Process.Pid)
	if os.IsPermission(err) && os.Getenv("CI") != "true" {
		t.Skipf("left out: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, offset := range []time.Duration{0, time.Minute, -time.Hour, 365 * 24 * time.Hour, -365 * 24 * time.Hour, 0} {
		if err := c.Set(offset); err != nil {
			t.Fatal(err)
		}
		wall, since := ask()
		if off := wall.Sub(time.Now().Add(offset)).Abs(); off > 3*time.Second {
			t.Errorf("set by %v the process has %v", offset, wall)
		}
		if since < 0 || since > time.Minute {
			t.Errorf("set by %v it has run for %v", offset, since)
		}
	}
}
