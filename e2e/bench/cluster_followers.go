//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// manyFollowers are simulated.
const manyFollowers = 100

// A burden is what etcd has spent and holds, all members together.
type burden struct {
	cpu      time.Duration
	resident int64
	sent     float64 // bytes to clients
	at       time.Time
}

func burdenOf(ctx context.Context, e *fixture.Etcd) (b burden, err error) {
	b.at = time.Now()
	for _, m := range e.Members {
		spent, err := m.CPU()
		if err != nil {
			return b, err
		}
		held, err := m.RSS()
		if err != nil {
			return b, err
		}
		b.cpu, b.resident = b.cpu+spent, b.resident+held
	}
	b.sent, err = e.Metric(ctx, "etcd_network_client_grpc_sent_bytes_total")
	return b, err
}

// A followersReport is what e2e/followers prints.
type followersReport struct {
	Followers, Changes               int
	Joined, HeldSeconds, IdleSeconds float64
	EachP50, EachP99, AllP50, AllP99 float64
	CommitP50, CommitP99             float64
}

// followers measures what a hundred nodes are to etcd, and how soon they have what was changed. They are in one process, each with a store of its own on
// the same disk: a machine for each would be faster.
func (b *bench) followers(ctx context.Context) error {
	c := &clusterBench{bench: b, file: filepath.Join(b.dir, "followers.csv"), size: 1000}
	defer c.stop()
	if err := c.start(ctx, 1); err != nil {
		return err
	}
	program := filepath.Join(b.dir, "followers")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "./e2e/followers").CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	count, changes := manyFollowers, 200
	if b.quick {
		count, changes = 20, 50
	}
	fmt.Fprintf(b.out, "\n### %d followers\n\nIn one process, with a store each, on the machine of the three members of etcd.\n\n"+
		"| followers | change acknowledged, p50 / p99 | at one follower after that, p50 / p99 | at all of them, p50 / p99 | etcd's CPU a change | etcd sends for each change and follower | etcd idle: CPU; sent to each follower | etcd's memory |\n|---:|---:|---:|---:|---:|---:|---:|---:|\n", count)
	for _, n := range []int{1, count} {
		if err := c.follow(ctx, program, max(n, 2), changes); err != nil {
			return err
		}
	}
	return nil
}

func (c *clusterBench) follow(ctx context.Context, program string, count, changes int) error {
	dir := c.sub(fmt.Sprintf("followers-%d", count))
	cmd := exec.CommandContext(ctx, program, "-endpoints", c.endpoints(), "-key", c.nodes[0].KeyFile, "-dir", dir, "-followers", fmt.Sprint(count), "-changes", fmt.Sprint(changes))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out bytes.Buffer
	cmd.Stdout = &out
	steps, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	at := map[string]burden{}
	var said bytes.Buffer
	for lines := bufio.NewScanner(steps); lines.Scan(); {
		b, err := burdenOf(ctx, c.etcd)
		if err != nil {
			return errors.Join(err, cmd.Process.Kill(), cmd.Wait())
		}
		at[lines.Text()] = b
		fmt.Fprintln(&said, lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w\n%s", err, said.String())
	}
	var r followersReport
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return err
	}
	joined, idle, changed := at["joined"], at["idle"], at["changed"]
	idleFor := idle.at.Sub(joined.at)
	perSecond := func(d time.Duration) float64 { return 100 * d.Seconds() / idleFor.Seconds() }
	fmt.Fprintf(c.out, "| %d | %.1f / %.1f ms | %.1f / %.1f ms | %.1f / %.1f ms | %.1f ms | %.0f bytes | %.1f %% of a core; %.0f bytes/s | %.0f MiB |\n",
		r.Followers, r.CommitP50, r.CommitP99, r.EachP50, r.EachP99, r.AllP50, r.AllP99,
		milliseconds(changed.cpu-idle.cpu)/float64(r.Changes), (changed.sent-idle.sent)/float64(r.Changes)/float64(r.Followers),
		perSecond(idle.cpu-joined.cpu), (idle.sent-joined.sent)/idleFor.Seconds()/float64(r.Followers), mebibytes(changed.resident))
	return nil
}
