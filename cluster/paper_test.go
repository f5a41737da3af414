package cluster_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/dialtree/dialtree/store"
)

// A paper is a store of the model: a list of the changes that were made. It keeps store.Apply's protocol, and is fast enough for thousands of runs.
type paper struct {
	m         store.Membership
	list      []string
	committer store.Committer
	r         *rand.Rand
	wrong     func(format string, args ...any)
	dead      bool // the process ended before the local commit
}

func (p *paper) Membership() store.Membership    { return p.m }
func (p *paper) Schema() int                     { return store.SchemaVersion() }
func (p *paper) Reconcile(context.Context) error { return nil }

// Follow takes lines "id base filler": base is how many changes the one that planned it saw.
func (p *paper) Follow(_ context.Context, at store.Position, r io.Reader) error {
	if at.Index <= p.m.Index {
		return nil
	}
	if at.Index != p.m.Index+1 {
		return store.ErrPosition
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return p.take(string(text), at)
}

func (p *paper) take(text string, at store.Position) error {
	var id, filler string
	var base int
	if n, err := fmt.Sscan(text, &id, &base, &filler); n != 3 || err != nil {
		return errors.New("this is no change")
	}
	if base != len(p.list) {
		p.wrong("change %d (%s) was planned at %d changes and applied at %d", at.Index, id, base, len(p.list))
	}
	p.list = append(p.list, id)
	p.m.Position = at
	return nil
}

func (p *paper) WriteContent(_ context.Context, w io.Writer) (store.Position, error) {
	for _, id := range p.list {
		if _, err := fmt.Fprintln(w, id); err != nil {
			return store.Position{}, err
		}
	}
	return p.m.Position, nil
}

func (p *paper) ReplaceContent(_ context.Context, at store.Position, r io.Reader) error {
	var list []string
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		list = append(list, lines.Text())
	}
	if lines.Err() != nil {
		return lines.Err()
	}
	p.list, p.m.Position = list, at
	return nil
}

// apply is store.Apply, with its tries.
func (p *paper) apply(ctx context.Context, id string, size int, alone bool) error {
	for try := 0; ; try++ {
		err := p.try(ctx, id, size, alone)
		var overtaken *store.OvertakenError
		if !errors.As(err, &overtaken) || try == 4 {
			return err
		}
	}
}

func (p *paper) try(ctx context.Context, id string, size int, alone bool) error {
	d, err := p.committer.Draft(ctx, alone)
	if err != nil {
		return err
	}
	defer d.Discard()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d x", id, len(p.list))
	for range size {
		b.WriteByte(byte('a' + p.r.IntN(26)))
	}
	after := p.m.Position
	if _, err := io.WriteString(d, b.String()); err != nil {
		return err
	}
	at, err := d.Commit(ctx, after)
	if err != nil {
		return err
	}
	if p.m.Position != after {
		p.wrong("the content moved while it had the writer's token")
	}
	if p.dead {
		return errDied
	}
	return p.take(b.String(), at)
}

var errDied = errors.New("the process ended")

func (p *paper) changes() []string { return slices.Clone(p.list) }

func (p *paper) digest() [32]byte {
	return sha256.Sum256([]byte(strings.Join(p.list, "\n") + fmt.Sprint(p.m.Position)))
}

// A copyOf is a backup.
func (p *paper) backup() any { return paper{m: p.m, list: slices.Clone(p.list)} }

func (p *paper) restore(from any) {
	b := from.(paper)
	p.m, p.list = b.m, slices.Clone(b.list)
	p.m.Chain = [32]byte{} // as a store does
}

func (p *paper) reopen(c store.Committer) { p.committer, p.dead = c, false }
func (p *paper) die()                     { p.dead = true }
