// Command herd is thousands of phones in one process: each has a connection of its own, from one of many loopback
// addresses, binds on it and keeps it. It does what it reads, one word a line, and answers each with one line of JSON:
//
//	bind    connect and bind; who is refused or cut off tries again, as phones do
//	active  every phone binds again on its connection and searches, all at once
//	drop    wait until every connection was ended by the server
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

// An Answer is what became of one command.
type Answer struct {
	Done    int     // phones with which all went well
	Retries int     // attempts to connect that failed, until they did not
	Seconds float64 // until the last was done
	Slowest float64 // the longest that one took, in seconds
	Wrong   string  // an answer that must not be; empty: none
}

type herd struct {
	address, base string
	network       int // the second octet of the addresses
	phones        []*phone
	users         int
	limit         time.Duration
}

type phone struct {
	source, name, password string
	client                 *fixture.Client
}

func main() {
	var h herd
	n := 0
	flag.StringVar(&h.address, "address", "", "of the server")
	flag.StringVar(&h.base, "base", "", "of searches")
	flag.IntVar(&h.network, "network", 10, "second octet of the phones' addresses: 127.N.x.y")
	flag.IntVar(&n, "phones", 1000, "how many")
	flag.IntVar(&h.users, "users", 100, "user00 and so on, with the passwords right-00 and so on")
	flag.DurationVar(&h.limit, "limit", 2*time.Minute, "of each command")
	flag.Parse()
	for i := range n {
		u := i % h.users
		h.phones = append(h.phones, &phone{source: fmt.Sprintf("127.%d.%d.%d", h.network, i/100/250, 1+i/100%250),
			name: fmt.Sprintf("user%02d", u), password: fmt.Sprintf("right-%02d", u)})
	}
	commands := map[string]func(context.Context, *phone) (retries int, err error){"bind": h.bind, "active": h.active, "drop": h.drop}
	out := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		command, ok := commands[lines.Text()]
		if !ok {
			fmt.Fprintln(os.Stderr, "herd: no command", lines.Text())
			os.Exit(2)
		}
		if err := out.Encode(h.all(command)); err != nil {
			os.Exit(1)
		}
	}
}

// all has every phone do the same.
func (h *herd) all(command func(context.Context, *phone) (int, error)) Answer {
	ctx, cancel := context.WithTimeout(context.Background(), h.limit)
	defer cancel()
	var mu sync.Mutex // guards a
	var a Answer
	begin := time.Now()
	var phones sync.WaitGroup
	for _, p := range h.phones {
		phones.Go(func() {
			start := time.Now()
			retries, err := command(ctx, p)
			took := time.Since(start).Seconds()
			mu.Lock()
			defer mu.Unlock()
			a.Retries += retries
			if err != nil {
				a.Wrong = fmt.Sprintf("%s from %s: %v", p.name, p.source, err)
				return
			}
			a.Done++
			a.Slowest = max(a.Slowest, took)
		})
	}
	phones.Wait()
	a.Seconds = time.Since(begin).Seconds()
	return a
}

// bind connects until it gets an answer to its bind, and waits longer each time.
func (h *herd) bind(ctx context.Context, p *phone) (retries int, err error) {
	pause := 100 * time.Millisecond
	for {
		var code int
		code, err = h.tryBind(ctx, p)
		switch {
		case err == nil && code == 0:
			return retries, nil
		case err == nil && code != 51 && code != 52:
			return retries, fmt.Errorf("result %d of a bind with the right password", code)
		}
		retries++
		select {
		case <-ctx.Done():
			return retries, fmt.Errorf("still not bound: result %d, %v", code, err)
		case <-time.After(pause/2 + rand.N(pause)):
		}
		pause = min(2*pause, 3*time.Second)
	}
}

func (h *herd) tryBind(ctx context.Context, p *phone) (code int, err error) {
	if p.client, err = fixture.DialFrom(ctx, p.source, h.address, nil); err != nil {
		return 0, err
	}
	r, err := p.client.Bind(p.name, p.password)
	if err != nil || r.Code != 0 {
		p.client.Close()
	}
	return r.Code, err
}

// active binds on the connection that there is, again and again while the server is too busy for it, and searches.
func (h *herd) active(ctx context.Context, p *phone) (retries int, err error) {
	deadline, _ := ctx.Deadline()
	p.client.SetDeadline(deadline)
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 3*time.Second) {
		r, err := p.client.Bind(p.name, p.password)
		if err != nil || r.Code != 0 && r.Code != 51 {
			return retries, fmt.Errorf("bind: result %d, %w", r.Code, err)
		}
		if r.Code == 0 {
			break
		}
		retries++
		select {
		case <-ctx.Done():
			return retries, ctx.Err()
		case <-time.After(pause/2 + rand.N(pause)):
		}
	}
	f, err := p.client.Search(fixture.Search{Base: h.base, Scope: fixture.WholeSubtree, Filter: fixture.Prefix("cn", "Tax"), Attributes: []string{"cn"}, SizeLimit: 50})
	if err != nil || f.Code != 0 || len(f.Entries) != 1 {
		return retries, fmt.Errorf("search: result %d with %d entries, %w", f.Code, len(f.Entries), err)
	}
	return retries, nil
}

func (h *herd) drop(ctx context.Context, p *phone) (retries int, err error) {
	deadline, _ := ctx.Deadline()
	p.client.SetDeadline(deadline)
	defer p.client.Close()
	if r, err := p.client.ReadNotice(); err == nil && r.Code != 52 {
		return 0, fmt.Errorf("told %d %s", r.Code, r.Diagnostic)
	}
	return 0, nil
}
